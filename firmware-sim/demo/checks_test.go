package demo

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// Status and callbacks must tell one story, whatever else is in order.
func TestAgree(t *testing.T) {
	t.Parallel()
	paid := Status{MerchantID: "MERCHANTUAT", MerchantTransactionID: "TXN-1", Amount: 24_500, Status: "SUCCESS", ResponseCode: "null", ReferenceNumber: "6123"}
	a := act{sale: testSale("TXN-1"), status: "SUCCESS"}
	with := func(change func(*Status)) Status {
		s := paid
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name      string
		status    Status
		callbacks []Callback
		want      string // "" is good
	}{
		{"one callback", paid, []Callback{{"E1", paid}}, ""},
		{"repeated", paid, []Callback{{"E1", paid}, {"E1", paid}}, ""},
		{"none", paid, nil, "no callback"},
		{"two events", paid, []Callback{{"E1", paid}, {"E2", paid}}, "event ids E1 and E2"},
		{"another end", with(func(s *Status) { s.Status = "FAILED" }), []Callback{{"E1", paid}}, "the status is FAILED"},
		{"another amount", with(func(s *Status) { s.Amount = 1 }), []Callback{{"E1", paid}}, "of ₹0.01"},
		{"the callback says another end", paid, []Callback{{"E1", with(func(s *Status) { s.Status = "FAILED" })}}, "the callback says"},
		{"the second callback says another end", paid, []Callback{{"E1", paid}, {"E1", with(func(s *Status) { s.Status = "EXPIRED" })}}, "the callback says"},
		{"the callback names another reference", paid, []Callback{{"E1", with(func(s *Status) { s.ReferenceNumber = "7" })}}, "the callback says"},
		{"the callback gives another reason", paid, []Callback{{"E1", with(func(s *Status) { s.ResponseCode = "UPI:X7" })}}, "the callback says"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := agree(a, tt.status, tt.callbacks)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("agree = %v, want %q", err, tt.want)
			}
		})
	}
}

// The network's books say how often a payment was taken.
func TestTaken(t *testing.T) {
	t.Parallel()
	entry := func(id string, state npci.State, accepted int) npci.Entry {
		return npci.Entry{TxnID: id, State: state, Accepted: accepted}
	}
	paid, again := entry("A", npci.Paid, 1), entry("B", npci.Paid, 1)
	refused, lost := entry("A", npci.Returned, 0), entry("B", npci.Unknown, 0)
	for _, tt := range []struct {
		name      string
		entries   []npci.Entry
		succeeded bool
		ok        bool
	}{
		{"paid", []npci.Entry{paid}, true, true},
		{"paid, another's beside it", []npci.Entry{paid, entry("X", npci.Paid, 1)}, true, true},
		{"lost, and it had got through", []npci.Entry{lost}, true, true},
		{"lost, then paid", []npci.Entry{lost, paid}, true, true},
		{"refused", []npci.Entry{refused}, false, true},
		{"lost, and it had not got through", []npci.Entry{lost}, false, true},
		{"nobody tried", nil, false, true},
		{"paid twice", []npci.Entry{paid, again}, true, false},
		{"accepted twice", []npci.Entry{entry("A", npci.Paid, 2)}, true, false},
		{"accepted, but it failed", []npci.Entry{paid}, false, false},
		{"refused, but it succeeded", []npci.Entry{refused}, true, false},
		{"nobody tried, but it succeeded", nil, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := taken(npci.Ledger{Entries: tt.entries}, []string{"A", "B"}, tt.succeeded); (err == nil) != tt.ok {
				t.Fatalf("taken = %v", err)
			}
		})
	}
	if err := taken(npci.Ledger{Entries: []npci.Entry{paid}, Contradictions: []string{"A: both"}}, []string{"A"}, true); err == nil {
		t.Fatal("a contradiction is overlooked")
	}
}

// PAID may have been shown only for what succeeded, with its amount.
func TestCheckPaid(t *testing.T) {
	t.Parallel()
	shown := func(id string, amount protocol.Paise, outcome protocol.Outcome) terminal.View {
		return terminal.View{State: terminal.State{Mode: protocol.ModeResult, MerchantTransactionID: id, AmountPaise: amount, Result: outcome}}
	}
	for _, tt := range []struct {
		name string
		view terminal.View
		ok   bool
	}{
		{"the paid one", shown("TXN-1", 24_500, protocol.OutcomeSucceeded), true},
		{"the failed one, as failed", shown("TXN-2", 24_500, protocol.OutcomeFailed), true},
		{"another amount", shown("TXN-1", 24_501, protocol.OutcomeSucceeded), false},
		{"the failed one", shown("TXN-2", 24_500, protocol.OutcomeSucceeded), false},
		{"one that nobody made", shown("TXN-9", 24_500, protocol.OutcomeSucceeded), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &counter{number: 1, seen: NewSightings("T1", NewTimeline(io.Discard))}
			c.seen.Add(tt.view)
			p := &script{stage: &stage{}, c: c, acts: []act{
				{sale: testSale("TXN-1"), status: "SUCCESS"}, {sale: testSale("TXN-2"), status: "FAILED"},
			}}
			if err := p.checkPaid(); (err == nil) != tt.ok {
				t.Fatalf("checkPaid = %v", err)
			}
		})
	}
}

func TestAllBlack(t *testing.T) {
	t.Parallel()
	img := image.NewRGBA(image.Rect(0, 0, 3, 2))
	for i := range img.Pix {
		if i%4 == 3 {
			img.Pix[i] = 0xff
		}
	}
	encode := func() []byte {
		var out bytes.Buffer
		if err := png.Encode(&out, img); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	if err := allBlack(encode()); err != nil {
		t.Errorf("black: %v", err)
	}
	img.Set(2, 1, color.RGBA{B: 8, A: 0xff})
	if err := allBlack(encode()); err == nil || !strings.Contains(err.Error(), "2,1") {
		t.Errorf("one blue pixel: %v", err)
	}
	if err := allBlack([]byte("PNG")); err == nil {
		t.Error("no picture is black")
	}
}
