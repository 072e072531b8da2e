package mqttlink_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// bigFleet is ten thousand terminals with a sale each, in memory: a database that
// costs nothing, so that what is measured is the link.
type bigFleet struct {
	rows []decide.Wanted
	byID map[protocol.Identity]int
}

func newBigFleet(size int) *bigFleet {
	f, device := &bigFleet{byID: map[protocol.Identity]int{}}, protocoltest.Public("device")
	for n := range size {
		id := till(n + 1)
		f.byID[id] = n
		f.rows = append(f.rows, decide.Wanted{
			Terminal: fleet.Terminal{
				Identity: id, Active: true, PublicKey: device, TokenHash: make([]byte, 32), Seq: 1,
				Sale: fmt.Sprint("GP", n), Session: "S1", Epoch: "E1",
			},
			MerchantName: "Galla Test Store",
			Sale: &payment.Payment{
				ID: fmt.Sprint("GP", n), Amount: 24500, State: payment.Created, Payee: "merchant@upi",
				QR: "upi://pay?ver=01&mode=16&pa=merchant@upi&pn=Galla%20Test%20Store&tr=GP0123456789ABCDEF&am=245.00&cu=INR&mc=5411&qrMedium=06",
			},
			Now: time.Now(),
		})
	}
	return f
}

func (f *bigFleet) Wanted(_ context.Context, ids []protocol.Identity) ([]decide.Wanted, error) {
	rows := make([]decide.Wanted, 0, len(ids))
	for _, id := range ids {
		rows = append(rows, f.rows[f.byID[id]])
	}
	return rows, nil
}

func (f *bigFleet) Unacked(context.Context, int) ([]protocol.Identity, error) { return nil, nil }

func (f *bigFleet) Terminal(_ context.Context, id protocol.Identity) (fleet.Terminal, error) {
	return f.rows[f.byID[id]].Terminal, nil
}

// ring is a key set that never changes, and costs nothing to ask.
type ring struct {
	key protocol.SigningKey
	set []byte
}

func (r ring) Current() (protocol.SigningKey, []byte, uint64) { return r.key, r.set, 1 }
func (r ring) Changed() <-chan struct{}                       { return nil }

// counter is a broker that takes everything, and counts.
type counter struct {
	mu   sync.Mutex
	left int
	done chan struct{}
}

func (c *counter) Publish(string, []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		close(c.done)
	}
	return nil
}

// BenchmarkTell: what telling one of ten thousand terminals of a sale costs the
// link: reading, signing, giving it to the broker.
func BenchmarkTell(b *testing.B) {
	keySet, err := protocol.SignKeySet(protocoltest.Key("root"), 1, protocoltest.Public("online"))
	must(b, err)
	f := newBigFleet(10_000)
	out := &counter{}
	l := mqttlink.New(mqttlink.Config{Reader: f, Keys: ring{protocoltest.Key("online"), keySet}, Log: slog.New(slog.DiscardHandler)})
	l.Attach(out)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	commit := func(messages, from, to int) {
		out.mu.Lock()
		out.left, out.done = messages, make(chan struct{})
		out.mu.Unlock()
		var c decide.Changes
		for n := from; n < to; n++ {
			row := &f.rows[n%len(f.rows)]
			row.Terminal.Seq++
			c.Terminals = append(c.Terminals, row.Terminal)
		}
		l.Committed(c)
		<-out.done
	}
	commit(2*len(f.rows), 0, len(f.rows)) // with their key sets
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += 20 { // a commit of twenty sales
		end := min(n+20, b.N)
		commit(end-n, n, end)
	}
}

// BenchmarkSign is what of that is the signature alone.
func BenchmarkSign(b *testing.B) {
	f, key := newBigFleet(1), protocoltest.Key("online")
	b.ReportAllocs()
	for b.Loop() {
		_, err := key.Sign(protocol.PurposeDown, f.rows[0].State(""))
		must(b, err)
	}
}

// BenchmarkHeartbeats: what a heartbeat costs of a processor at the link's door, where
// 512 terminals beat within half a second; beside it, decided by itself, one after
// another, as they would be that do not wait for each other (performance: idle
// terminals).
func BenchmarkHeartbeats(b *testing.B) {
	const tills = 512
	house := doortest.New(b, func(d *merchant.Data) {
		for n := range tills {
			d.Terminals = append(d.Terminals, merchant.Terminal{Identity: till(n + 1), Active: true, Integrated: true})
		}
	})
	device := protocoltest.Key("device")
	var messages [tills][]byte
	for n := range tills {
		_, err := journal.Do(b.Context(), house.Journal, decide.Enrol{
			Identity: till(n + 1), PublicKey: protocoltest.Public("device"), TokenHash: make([]byte, 32),
		})
		must(b, err)
		messages[n], err = device.Sign(protocol.PurposeUp, beating(n))
		must(b, err)
	}
	done := make(chan struct{}, tills)
	keySet, err := protocol.SignKeySet(protocoltest.Key("root"), 1, protocoltest.Public("online"))
	must(b, err)
	l := mqttlink.New(mqttlink.Config{
		Journal: house.Journal, Reader: house.DB, Keys: ring{protocoltest.Key("online"), keySet}, Log: slog.New(slog.DiscardHandler),
		Counted: func(what string) {
			if what == "heartbeat" {
				done <- struct{}{}
			} else if what != "publish_failed" && what != "state_published" && what != "keys_published" {
				b.Errorf("%s", what)
			}
		},
	})
	l.Attach(&counter{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	b.Run("link", func(b *testing.B) {
		began := processor(b)
		for n := 0; n < b.N; n += tills {
			wave := min(tills, b.N-n)
			for n := range wave {
				l.Receive(protocol.ReportTopic(till(n+1)), messages[n])
			}
			for range wave {
				<-done
			}
		}
		perOp(b, processor(b)-began)
	})
	b.Run("alone", func(b *testing.B) {
		began := processor(b)
		known := protocol.PublicKeys{device.ID: protocoltest.Public("device")}
		for n := range b.N {
			_, err := protocol.OpenUp(messages[n%tills], known, till(n%tills+1))
			must(b, err)
			_, err = journal.Do(ctx, house.Journal, decide.Heartbeat{Heartbeat: beating(n % tills)})
			must(b, err)
		}
		perOp(b, processor(b)-began)
	})
}

// processor is the CPU time that this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perOp reports CPU time, which says more here than the time that somebody waited.
func perOp(b *testing.B, used time.Duration) {
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(0, "ns/op")
}

func beating(n int) protocol.Heartbeat {
	return protocol.Heartbeat{
		Header:  protocol.Header{V: protocol.Version, Type: protocol.TypeHeartbeat, Identity: till(n + 1)},
		Session: "S1", Mode: protocol.ModeIdle,
	}
}
