package card_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/card"
)

// ask sends one request to a reader that stands alone.
func ask(r *card.Reader, method, path, kind, body string) (int, string) {
	q := httptest.NewRequest(method, "http://127.0.0.1:8091"+path, strings.NewReader(body))
	if kind != "" {
		q.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, q)
	answer, _ := io.ReadAll(w.Body)
	return w.Code, string(answer)
}

// Each outcome has its route, with and without a body, and GET /card shows what
// came of it.
func TestHandler(t *testing.T) {
	t.Parallel()
	const form, object = "application/x-www-form-urlencoded", "application/json"
	r := open(t)
	if status, body := ask(r, "GET", "/card", "", ""); status != 200 || body != `{"doing":"idle","ledger":[]}`+"\n" {
		t.Fatalf("GET /card = %d %s", status, body)
	}
	for i, tt := range []struct{ path, kind, body, last4 string }{
		{"/approve", "", "", "4242"},
		{"/card/approve", "", "", "4242"},
		{"/card/decline", form, "last4=0007&network=RUPAY", "0007"},
		{"/timeout", object, `{"last4":"0042","delayMillis":1}`, "0042"},
		{"/card/tap", form, "outcome=late&delayMillis=5&holdMillis=100", "4242"},
		{"/card/tap", object, `{"outcome":"approve","last4":"0001","holdMillis":100}`, "0001"},
		{"/remove", "", "", "4242"},
		{"/reverse", "", "", "4242"},
	} {
		p := pay(t.Context(), r, string(rune('A'+i)), 24_500)
		status, body := ask(r, "POST", tt.path, tt.kind, tt.body)
		var entry card.Entry
		if err := json.Unmarshal([]byte(body), &entry); err != nil || status != 200 || entry.Last4 != tt.last4 || entry.AmountPaise != 24_500 {
			t.Fatalf("POST %s = %d %s", tt.path, status, body)
		}
		<-p.done
	}
	var answer card.Answer
	if _, body := ask(r, "GET", "/card", "", ""); json.Unmarshal([]byte(body), &answer) != nil || len(answer.Ledger) != 8 || answer.Doing != card.Idle {
		t.Fatalf("GET /card = %s", body)
	}
}

// What is wrong is refused, and no refusal repeats what may have been a card's
// number (failure matrix T23).
func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	const form, object, pan = "application/x-www-form-urlencoded", "application/json", "4111111111111111"
	r := open(t)
	for _, tt := range []struct {
		method, path, kind, body string
		status                   int
	}{
		{"POST", "/card/approve", form, "holdMillis=0", http.StatusConflict},
		{"POST", "/" + pan, "", "", http.StatusNotFound},
		{"POST", "/card/" + pan, "", "", http.StatusNotFound},
		{"GET", "/approve", "", "", http.StatusMethodNotAllowed},
		{"POST", "/card", "", "", http.StatusMethodNotAllowed},
		{"POST", "/card/tap", "", "", http.StatusBadRequest},
		{"POST", "/card/tap", form, "", http.StatusBadRequest},
		{"POST", "/card/tap", form, "outcome=" + pan, http.StatusBadRequest},
		{"POST", "/card/tap", form, "outcome=approve&outcome=approve", http.StatusBadRequest},
		{"POST", "/card/tap", form, "outcome=approve&pan=" + pan, http.StatusBadRequest},
		{"POST", "/card/approve", form, "outcome=approve", http.StatusBadRequest},
		{"POST", "/card/approve", form, "last4=" + pan, http.StatusBadRequest},
		{"POST", "/card/approve", form, "network=" + pan, http.StatusBadRequest},
		{"POST", "/card/approve", form, "holdMillis=60001", http.StatusBadRequest},
		{"POST", "/card/approve", form, "holdMillis=1.5", http.StatusBadRequest},
		{"POST", "/card/approve", form, "delayMillis=-1", http.StatusBadRequest},
		{"POST", "/card/approve", form, "delayMillis=" + pan, http.StatusBadRequest},
		{"POST", "/card/approve", form, "%zz", http.StatusBadRequest},
		{"POST", "/card/approve", "text/plain", "last4=4242", http.StatusBadRequest},
		{"POST", "/card/approve", object, `{"last4":4242}`, http.StatusBadRequest},
		{"POST", "/card/approve", object, `{"pan":"` + pan + `"}`, http.StatusBadRequest},
		{"POST", "/card/approve", object, `{"last4":"4242"} {}`, http.StatusBadRequest},
		{"POST", "/card/approve", object, strings.Repeat(" ", 5000), http.StatusBadRequest},
	} {
		status, body := ask(r, tt.method, tt.path, tt.kind, tt.body)
		if status != tt.status || strings.Contains(body, pan) && !strings.Contains(tt.path, pan) {
			t.Errorf("%s %s %s = %d %s, want %d", tt.method, tt.path, tt.body, status, body, tt.status)
		}
		if strings.Contains(body, pan) {
			t.Errorf("%s %s repeats it: %s", tt.method, tt.path, body)
		}
	}
	if len(r.Ledger()) != 0 {
		t.Errorf("the ledger has %+v", r.Ledger())
	}
}
