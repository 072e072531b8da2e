package payapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/payapi"
)

// TestNoRouteEndsAnother is failure matrix 0.5. X-VERIFY joins payload and path
// without a separator, so bytes can move from the end of a base64 payload to
// the front of the path, and back. What was signed for one route is then good
// for another if that one's path is the end of this one's, and what is left of
// it is base64, whose length is a multiple of four. No two routes are so.
func TestNoRouteEndsAnother(t *testing.T) {
	t.Parallel()
	r := gin.New()
	payapi.New(payapi.Config{}).Register(r)
	routes := map[string]bool{payapi.Prefix + "/v1/payment/init": true} // the form that is stripped
	for _, route := range r.Routes() {
		routes[route.Path] = true
	}
	if len(routes) < 3 {
		t.Fatalf("only %v", routes)
	}
	for long := range routes {
		for short := range routes {
			if prefix, ends := cut(long, short); ends && movable(prefix) {
				t.Errorf("%s ends in %s, and %s is base64", long, short, prefix)
			}
		}
	}
	// The test itself: such pairs are found.
	for _, row := range []struct {
		long, short string
		found       bool
	}{
		{"/v10/x/v1/payment/init", "/v1/payment/init", false}, // 6 letters
		{"/v100/xy/v1/payment/init", "/v1/payment/init", true},
		{"/api/v1/payment/init", "/v1/payment/init", true},
		{"/:any/v1/payment/init", "/v1/payment/init", true},
		{"/v1/payment/:merchantId/:id/status", "/:id/status", true},
		{"/v3/charge/:m/:t/remind", "/:t/remind", true},
		{"/v1/payment/init", "/v1/payment/init", false},
		{"/a-b/v1/payment/init", "/v1/payment/init", false}, // of both alphabets
		{"/v1/payment/:merchantId/:id/status", "/v1/payment/init", false},
	} {
		prefix, ends := cut(row.long, row.short)
		if got := ends && movable(prefix); got != row.found {
			t.Errorf("%s and %s: %v, want %v", row.long, row.short, got, row.found)
		}
	}
}

// cut reports whether a path of route long may end in a path of route short,
// and what is before that.
func cut(long, short string) (prefix string, ends bool) {
	l, s := strings.Split(long, "/")[1:], strings.Split(short, "/")[1:]
	if len(l) <= len(s) {
		return "", false
	}
	for i, segment := range l[len(l)-len(s):] {
		if segment != s[i] && !strings.HasPrefix(segment, ":") && !strings.HasPrefix(s[i], ":") {
			return "", false
		}
	}
	return "/" + strings.Join(l[:len(l)-len(s)], "/"), true
}

// movable reports whether prefix can stand at the end of a payload. A payload
// holds a slash, so it is of the standard alphabet.
func movable(prefix string) bool {
	if strings.Contains(prefix, ":") {
		return true // somebody's id, of any length
	}
	return len(prefix)%4 == 0 && regexp.MustCompile(`^[A-Za-z0-9+/]*$`).MatchString(prefix)
}

// TestOneOfMany is failure matrix S1 and R6: of any number of inits with one id
// that come at once, one is taken, and status tells of that one.
func TestOneOfMany(t *testing.T) {
	t.Parallel()
	const many = 64
	for _, row := range []struct {
		name   string
		change func(n int) map[string]any
	}{
		{"identical", func(int) map[string]any { return nil }},
		{"of different amounts", func(n int) map[string]any { return map[string]any{"amount": 1000 + n} }},
		{"for different displays", func(n int) map[string]any {
			if n%2 == 0 {
				return nil
			}
			return map[string]any{"storeId": "MS2603301457425143586306", "terminalId": "MST2603301758302811969831"}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d, saved := newLedgerDoor(t)
			answers := make([]*httptest.ResponseRecorder, many)
			start := make(chan struct{})
			var wg sync.WaitGroup
			for n := range many {
				r := signed(t, sample(row.change(n)))
				answers[n] = httptest.NewRecorder()
				wg.Go(func() {
					<-start
					d.handler.ServeHTTP(answers[n], r)
				})
			}
			close(start)
			wg.Wait()
			codes := map[string]int{}
			var taken answer
			for _, w := range answers {
				a := answer{status: w.Code}
				if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
					t.Fatal(err)
				}
				codes[fmt.Sprint(a.status, " ", a.Code)]++
				if a.Success {
					taken = a
				}
			}
			if len(codes) != 2 || codes["200 SUCCESS"] != 1 || codes["409 DUPLICATE_TRANSACTION_ID"] != many-1 {
				t.Fatalf("answers %v", codes)
			}
			rows := 0
			for _, c := range saved.take() {
				rows += len(c.NewPayments)
			}
			told := d.status("MERCHANTUAT", "TXN0015985", merchantKey)
			if rows != 1 || told.status != http.StatusOK || told.Data["amount"] != taken.Data["amount"] {
				t.Errorf("%d rows, status %s, taken %v", rows, told.raw, taken.Data)
			}
		})
	}
}
