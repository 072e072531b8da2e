package payapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/strictjson"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
	"github.com/galla-pay/galla/protocol/xverify"
)

// BenchmarkDoor is a signed init of a DQR sale over kept connections, without a
// database: what it costs to be gin and this door, against the simplest net/http
// server that does the same for the POS (performance: HTTP without database).
//
//	go test -run '^$' -bench Door ./internal/payapi
func BenchmarkDoor(b *testing.B) {
	house := doortest.New(b)
	j := journalOfNothing(b)
	door := newEngine(payapi.New(payapi.Config{
		Journal: j, Reader: house.Storage, Directory: house.Directory, LinkKey: house.LinkKey, OrgID: "MER101", Log: house.Log,
	}))
	plain := http.NewServeMux()
	plain.Handle("POST "+initPath, plainInit(house, j))
	for range 2 { // in turn: A B A B
		b.Run("gin", func(b *testing.B) { ask(b, door) })
		b.Run("net_http", func(b *testing.B) { ask(b, plain) })
	}
}

// doorCallers is how many connections ask at once.
const doorCallers = 16

// ask sends inits to a server and counts the good answers.
func ask(b *testing.B, handler http.Handler) {
	server := httptest.NewServer(handler)
	defer server.Close()
	// Signed before anything is measured; no two callers ask for the same payment.
	requests := make([][]byte, 4*doorCallers)
	for i := range requests {
		r := signed(b, sample(map[string]any{"merchantTransactionId": fmt.Sprint("TXN", i)}))
		var text bytes.Buffer
		if err := r.Write(&text); err != nil {
			b.Fatal(err)
		}
		requests[i] = text.Bytes()
	}
	var next atomic.Int64
	var callers sync.WaitGroup
	b.ReportAllocs()
	spent := cpuTime(b)
	b.ResetTimer()
	for i := range doorCallers {
		callers.Go(func() {
			own := requests[4*i:][:4]
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if _, err := conn.Write(own[n%4]); err != nil {
					b.Error(err)
					return
				}
				if err := readSuccess(answers); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	b.StopTimer()
	spent = cpuTime(b) - spent
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(b.N)/max(spent.Seconds(), 1e-6), "requests/CPU-s")
}

// cpuTime is what this process has had: the door is judged by it, because it is the
// CPU that it competes for, and so that nothing else on the machine is counted.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readSuccess reads one answer that must say 200; it does as little as it can, for
// it is the same process.
func readSuccess(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch name, value, _ := bytes.Cut(line, []byte(": ")); {
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")):
			return fmt.Errorf("answered %s", line)
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case len(line) == 0 && length < 0:
			return fmt.Errorf("an answer without a length")
		case len(line) == 0:
			_, err = r.Discard(length)
			return err
		}
	}
}

// nothing is a storage that has every terminal and keeps nothing.
type nothing struct{}

func journalOfNothing(b *testing.B) *journal.Journal {
	b.Helper()
	j, err := journal.New(journal.Config{Storage: nothing{}, Writers: 2, MaxWait: -1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = j.Run(context.Background()) })
	b.Cleanup(func() {
		if err := j.Close(context.Background()); err != nil {
			b.Error(err)
		}
		running.Wait()
	})
	return j
}

func (nothing) Resolve(context.Context, decide.Needs) (journal.Resolved, error) {
	return journal.NewResolved(), nil
}

func (nothing) Apply(_ context.Context, _ journal.BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error {
	snap := decide.NewSnapshot(time.Now().UTC().Truncate(time.Microsecond))
	for _, id := range needs.Terminals {
		snap.Terminals[id] = fleet.Terminal{Identity: id}
	}
	_, err := run(snap)
	return err
}

func (nothing) Committed(context.Context, journal.BatchID) (bool, error) { return true, nil }

func (nothing) Tidy(context.Context) error { return nil }

// plainInit is the same request in a handler of net/http: it reads and verifies it,
// looks the merchant, store and terminal up, makes the signed link, asks the journal
// and answers. As every door it takes no JSON that can be read in two ways (failure
// matrix T11). It knows this one form of a sale and no vocabulary of refusals.
func plainInit(house *doortest.House, j *journal.Journal) http.HandlerFunc {
	type sale struct {
		MerchantID    string `json:"merchantId"`
		StoreID       string `json:"storeId"`
		TerminalID    string `json:"terminalId"`
		TransactionID string `json:"merchantTransactionId"`
		OrderID       string `json:"orderId"`
		Solution      string `json:"solutionType"`
		Amount        int64  `json:"amount"`
		ExpiresIn     int64  `json:"expiresIn"`
	}
	init := func(r *http.Request) (payment.Payment, error) {
		var none payment.Payment
		body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, payapi.MaxBody))
		if err != nil {
			return none, err
		}
		var request string
		outer, err := strictjson.Parse(body, 2)
		if err != nil {
			return none, err
		}
		if err := json.Unmarshal(outer.Fields["request"], &request); err != nil {
			return none, err
		}
		text, err := xverify.DecodeBody(request)
		if err != nil {
			return none, err
		}
		if _, err := strictjson.Parse(text, 2); err != nil {
			return none, err
		}
		var s sale
		if err := json.Unmarshal(text, &s); err != nil {
			return none, err
		}
		people := house.Directory()
		sum, index, err := xverify.Parse(r.Header.Get("X-VERIFY"))
		if err != nil {
			return none, err
		}
		m, known := people.Merchant(s.MerchantID)
		key, found := people.SaltKey(s.MerchantID, strconv.Itoa(index))
		if !known || !found || !key.Live(time.Now()) || !xverify.Check(sum, request, r.URL.Path, string(key.Secret)) {
			return none, fmt.Errorf("not signed by %s", s.MerchantID)
		}
		store, ok := people.Store(m.ID, s.StoreID)
		t, there := people.Terminal(protocol.Identity{MerchantID: m.ID, StoreID: s.StoreID, TerminalID: s.TerminalID})
		switch {
		case !m.Active || !m.DQR || !ok || !store.Active || !there || !t.Active || !t.Integrated:
			return none, fmt.Errorf("no such terminal")
		case !protocol.ValidID(s.TransactionID, 39) || !protocol.ValidID(s.OrderID, protocol.MaxIDLength) || s.Solution != "DQR_DEVICE":
			return none, fmt.Errorf("bad ids")
		case s.Amount < 1 || s.Amount > int64(protocol.MaxPaise) || s.ExpiresIn < 1:
			return none, fmt.Errorf("bad numbers")
		}
		lives := time.Duration(min(s.ExpiresIn, 300)) * time.Second
		p := payment.Payment{
			ID: payment.FormatID(uuid.Must(uuid.NewV7())), Key: payment.Key{MerchantID: m.ID, TransactionID: s.TransactionID},
			StoreID: s.StoreID, TerminalID: s.TerminalID, OrderID: s.OrderID, Solution: payment.DQRDevice, Payee: m.Payee,
			Amount: protocol.Paise(s.Amount), Signer: m.ID, SignerIndex: strconv.Itoa(index), CallbackURL: m.CallbackURL, CallbackMode: "POST",
		}
		now := time.Now().UTC().Truncate(time.Second)
		p.QR, err = upiuri.Fit(upiuri.Link{
			Ver: "01", Mode: upiuri.ModeDynamic, PA: string(m.Payee), PN: m.Name, MC: m.MCC, TR: p.ID, AM: p.Amount, MAM: p.Amount, CU: "INR",
			MID: m.ID, MSID: p.StoreID, MTID: p.TerminalID, OrgID: "MER101", QRts: now, QRexpire: now.Add(lives),
		}, house.LinkKey, upiuri.MaxBytes(287))
		if err != nil {
			return none, err
		}
		return journal.Do(r.Context(), j, decide.Init{Payment: p, ExpiresIn: lives, Actor: "pos:" + m.ID})
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", uuid.NewString())
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		p, err := init(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := json.Marshal(map[string]any{"success": true, "code": "SUCCESS", "message": "Your request has been successfully completed.",
			"data": map[string]any{"merchantId": p.MerchantID, "transactionId": p.TransactionID, "amount": p.Amount}})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(answer)
	}
}
