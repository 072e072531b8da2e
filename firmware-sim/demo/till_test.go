package demo

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol"
)

// However many answers are lost, a sale is made exactly once, and a lost answer
// is looked up before the sale is asked for again.
func TestSellOnce(t *testing.T) {
	t.Parallel()
	const post, get = "POST /v1/payment/init", "GET /v1/payment/MERCHANTUAT/TXN-1/status"
	for _, tt := range []struct {
		name   string
		faults []fault
		want   []string
	}{
		{"all goes well", nil, []string{post}},
		{"the request is lost", []fault{lostRequest}, []string{post, get, post}},
		{"the answer is lost", []fault{lostAnswer}, []string{post, get}},
		{"no capacity", []fault{unavailable}, []string{post, get, post}},
		{"it fails after the commit", []fault{failsInside}, []string{post, get}},
		{"the look-up is lost too", []fault{lostAnswer, lostRequest, unavailable}, []string{post, get, get, get}},
		{"lost, looked up, lost again", []fault{lostRequest, none, lostAnswer}, []string{post, get, post, get}},
		{"lost for long", []fault{lostRequest, lostRequest, none, lostRequest, none}, []string{post, get, get, post, get, post}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, tt.faults...)
			s := tillStage(t, a)
			if err := s.sell(t.Context(), testSale("TXN-1")); err != nil {
				t.Fatalf("sell = %v", err)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.inits != 1 {
				t.Fatalf("carried out %d times", a.inits)
			}
			if !slices.Equal(a.requests, tt.want) {
				t.Fatalf("requests %q, want %q", a.requests, tt.want)
			}
		})
	}
}

// The controller may carry a lost request out after all, between the look-up
// and the next try: the duplicate error then is a yes.
func TestSellLateCommit(t *testing.T) {
	t.Parallel()
	a := newAPI(t, lostRequest)
	a.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		if len(a.requests) == 2 { // the second POST: the first one was committed meanwhile
			a.payments["TXN-1"] = &Status{MerchantID: "MERCHANTUAT", MerchantTransactionID: "TXN-1", Status: "PENDING"}
		}
		a.mu.Unlock()
		a.ServeHTTP(w, r)
	})
	s := tillStage(t, a)
	if err := s.sell(t.Context(), testSale("TXN-1")); err != nil {
		t.Fatalf("sell = %v", err)
	}
}

func TestSellRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	s := tillStage(t, a)
	sale := testSale("TXN-1")
	sale.Amount = 666
	var refused *Refused
	if err := s.sell(t.Context(), sale); !errors.As(err, &refused) || refused.Code != "INVALID_AMOUNT" {
		t.Fatalf("sell = %v", err)
	}
	// A duplicate at the first try is somebody else's sale.
	for want := range 2 {
		err := s.sell(t.Context(), testSale("TXN-2"))
		dup := errors.As(err, &refused) && refused.Code == "DUPLICATE_TRANSACTION_ID"
		if want == 0 && err != nil || want == 1 && !dup {
			t.Fatalf("try %d: sell = %v", want+1, err)
		}
	}
}

func TestSellEnds(t *testing.T) {
	t.Parallel()
	a := newAPI(t, lostRequest)
	s := tillStage(t, a)
	s.controller.ready = make(chan struct{}) // it does not come back
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- s.sell(ctx, testSale("TXN-1")) }()
	for entries, changed := s.timeline.After(0); len(entries) == 0; entries, changed = s.timeline.After(0) {
		<-changed
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("sell = %v", err)
	}
}

// What is not the API is an error, not a lost answer that is asked for for ever.
func TestTillBadAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault fault
		want  string
	}{
		{speaksHTML, "is not the API's"},
		{answersOther, "answers for OTHER"},
	} {
		a := newAPI(t, none, tt.fault)
		s := tillStage(t, a)
		if err := s.sell(t.Context(), testSale("TXN-1")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.follow(t.Context(), testSale("TXN-1")); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: follow = %v", tt.fault, err)
		}
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	a := newAPI(t, none, none, lostAnswer, unavailable)
	s := tillStage(t, a)
	sale := testSale("TXN-1")
	if err := s.sell(t.Context(), sale); err != nil {
		t.Fatal(err)
	}
	ended := make(chan Status, 1)
	go func() {
		status, err := s.follow(t.Context(), sale)
		if err != nil {
			t.Errorf("follow = %v", err)
		}
		ended <- status
	}()
	a.end("TXN-1", "EXPIRED")
	if status := <-ended; status.Status != "EXPIRED" || status.Amount != 24_500 {
		t.Fatalf("follow = %+v", status)
	}
}

// The printed command works as it stands.
func TestCurl(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	s := tillStage(t, a)
	sale := testSale("TXN-1")
	command, err := s.till.Curl(sale)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"code":"SUCCESS"`) {
		t.Fatalf("%s\n%s\n%v", command, out, err)
	}
	status, err := s.till.Status(t.Context(), "TXN-1")
	if err != nil || status.Amount != sale.Amount || status.Final() {
		t.Fatalf("status %+v, %v", status, err)
	}
}

func TestNewSaleIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := newTransactionID()
		if !protocol.ValidID(id, 37) || seen[id] {
			t.Fatalf("transaction id %q", id)
		}
		seen[id] = true
	}
}
