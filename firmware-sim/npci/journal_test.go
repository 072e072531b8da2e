package npci_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// openBooks opens the books in a file, and closes them in the end.
func openBooks(t *testing.T, file string) *npci.Books {
	t.Helper()
	b, err := npci.OpenBooks(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// with has the network keep the books.
func with(b *npci.Books) func(*npci.NetworkConfig) {
	return func(cfg *npci.NetworkConfig) { cfg.Books = b }
}

// restart has the network killed, and another one go on with what is in a copy of
// its file: nothing is closed in good order.
func (s *strict) restart(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copied := file + "+"
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.network.Close()
	s.network, err = npci.NewNetwork(npci.NetworkConfig{
		Controller: "http://controller.example.in", HTTP: &http.Client{Transport: s}, Log: slog.New(slog.DiscardHandler), Books: openBooks(t, copied),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A network that was killed knows afterwards what it knew before.
func TestLedgerFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "npci.jsonl")
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true, with(openBooks(t, file)))
		defer func() { s.end() }()
		paid := s.paid("merchant@upi", 24500)
		s.paid("ip08@mercury", 100)
		s.paid("gourmet@mercury", 500)
		if !s.refund(paid, 10000) {
			t.Fatal("not refunded")
		}
		s.collect("GP1", "accept@upi", 3000)
		s.collect("GP2", "somebody@upi", 3000)
		s.collect("GP3", "late@upi", 3000)
		s.send("X1", paid, "REFUND", 20000) // more than is left
		said := envelop(t, "<ReqChkTxn><MsgID>said</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>GP1</OrgTxnID></ReqChkTxn>", s.key, s.cert)
		s.post(npci.PathChkTxn, said)
		synctest.Wait()
		before := s.network.Ledger()
		s.restart(t, file)
		synctest.Wait()
		after := s.network.Ledger()
		before.Refusals, before.Questions = after.Refusals, after.Questions // what was said is not money
		if !reflect.DeepEqual(before, after) || len(after.Entries) != 4 || len(after.Refunds) != 2 || len(after.Collects) != 3 || len(after.Contradictions) != 1 {
			t.Fatalf("before\n%+v\nafter\n%+v", before, after)
		}
		if a := s.post(npci.PathChkTxn, said); a["Status"] != "ZD" {
			t.Errorf("a message that was sent before: %v", a)
		}
		// What goes on goes on: refunds are moved once, requests have their ends.
		if code := s.send("REF1"+paid, paid, "REFUND", 10000); code != "00" {
			t.Errorf("the refund told again: %s", code)
		}
		if e, _ := s.client().Ledger().Entry(paid); e.Returned != 10000 {
			t.Errorf("it was moved again: %+v", e)
		}
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		l := s.network.Ledger()
		expired, _ := l.Collect("GP2")
		late, _ := l.Collect("GP3")
		if expired.State != npci.CollectExpired || expired.Told != "00" || late.State != npci.CollectPaid || late.Debited != 3000 {
			t.Errorf("requests that waited: %+v, %+v", expired, late)
		}
		r, err := s.client().Reconcile(t.Context())
		if err != nil || len(r.Disagreements) != 1 || r.Ours != r.Theirs {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// Killed between a debit and its answer, and while a collect request's end was
// being told, the network asks and tells again.
func TestKilledInFlight(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "npci.jsonl")
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true, with(openBooks(t, file)))
		defer func() { s.end() }()
		s.faults[npci.PathCollectResult] = []fault{neverSent, neverSent, neverSent}
		s.collect("GP1", "accept@upi", 3000)
		s.collect("GP2", "accept@upi", 3000)
		tokens, err := s.client().Tokens(t.Context(), buy("gourmet@mercury", 1000), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		s.jobs.Go(func() { _, _ = s.client().Pay(t.Context(), tokens[0]) })
		time.Sleep(100 * time.Millisecond)
		s.collect("GP3", "soon@upi", 3000)
		s.restart(t, file)
		synctest.Wait()
		e, ok := s.client().Ledger().Entry(tokens[0].TxnID)
		if !ok || e.State != npci.Unknown || e.Debited != 1000 {
			t.Fatalf("it was debited, and nobody knows how it ended: %+v", e)
		}
		if e, _, err := s.client().Settle(t.Context(), tokens[0].TxnID); err != nil || e.Back != npci.BackReversed || e.Returned != 1000 {
			t.Errorf("%+v, %v", e, err)
		}
		for _, id := range []string{"GP1", "GP2"} {
			if c, _ := s.network.Ledger().Collect(id); c.Told != "00" || c.State != npci.CollectPaid {
				t.Errorf("told again: %+v", c)
			}
		}
		if r, err := s.client().Reconcile(t.Context()); err != nil || !r.Agrees() || r.Collected != 6000 {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// A file is whole lines or it is cut to them; what is not of the books is refused
// and left alone; one process keeps it, others may read it.
func TestLedgerFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "npci.jsonl")
	s := newStrict(t, true, with(openBooks(t, file)))
	defer s.end()
	s.paid("merchant@upi", 24500)
	s.paid("ip08@mercury", 100)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := npci.OpenBooks(file); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: %v", err)
	}
	read, err := npci.ReadBooks(file)
	if err != nil || !reflect.DeepEqual(read.Ledger().Entries, s.client().Ledger().Entries) {
		t.Errorf("read: %+v, %v", read.Ledger(), err)
	}
	if _, err := npci.ReadBooks(file + "x"); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	cut := filepath.Join(t.TempDir(), "cut.jsonl")
	for n := range len(text) + 1 {
		if err := os.WriteFile(cut, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := npci.OpenBooks(cut)
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
		for _, e := range b.Ledger().Entries {
			if e.State == npci.InFlight || e.Debited != 24500 && e.Debited != 100 {
				t.Errorf("cut after %d bytes: %+v", n, e)
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadFile(cut)
		if whole := text[:bytes.LastIndexByte(text[:n], '\n')+1]; err != nil || !bytes.Equal(left, whole) {
			t.Errorf("cut after %d bytes: %d are left, %v", n, len(left), err)
		}
	}
	for _, bad := range []string{"hello\n", "{}\n", "{\"entry\":{\"txnId\":\"A\",\"colour\":\"red\"}}\n", string(text) + "null\n"} {
		if err := os.WriteFile(cut, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := npci.OpenBooks(cut); err == nil || !strings.Contains(err.Error(), "is not of these books") {
			t.Errorf("%q: %v", bad, err)
		}
		if left, err := os.ReadFile(cut); err != nil || string(left) != bad {
			t.Errorf("%q was changed to %q", bad, left)
		}
	}
}

// Books that cannot be written take no debit, and no refund.
func TestUnwritableBooks(t *testing.T) {
	t.Parallel()
	b := openBooks(t, filepath.Join(t.TempDir(), "npci.jsonl"))
	s := newStrict(t, true, with(b))
	defer s.end()
	txnID := s.paid("merchant@upi", 24500)
	tokens, err := s.client().Tokens(t.Context(), buy("merchant@upi", 100), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	before := s.client().Ledger()
	if _, err := s.client().Pay(t.Context(), tokens[0]); err == nil || s.sent[npci.PathPay] != 1 {
		t.Errorf("paid: %v, %d ReqPays", err, s.sent[npci.PathPay])
	}
	if _, err := s.client().Journey(t.Context(), buy("merchant@upi", 100)); err == nil || s.sent[npci.PathPay] != 1 {
		t.Errorf("bought: %v", err)
	}
	doc := envelop(t, "<ReqRefund><MsgID>R1</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><TxnID>R</TxnID><OrgTxnID>"+txnID+
		"</OrgTxnID><Type>REFUND</Type><Amount>1.00</Amount></ReqRefund>", s.key, s.cert)
	if a := s.post(npci.PathRefund, doc); a["Status"] != "96" {
		t.Errorf("refunded: %v", a)
	}
	if code := s.collect("GP1", "accept@upi", 100); code != "96" {
		t.Errorf("collected: %s", code)
	}
	if !reflect.DeepEqual(before, s.client().Ledger()) || len(s.network.Ledger().Refunds)+len(s.network.Ledger().Collects) != 0 {
		t.Errorf("the books changed: %+v", s.network.Ledger())
	}
}
