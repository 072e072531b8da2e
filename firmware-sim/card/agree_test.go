package card_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/cardlink/cardlinktest"
	"pgregory.net/rapid"
)

// Whatever a card comes to, and whenever the line breaks and however bad it is:
// in the end the terminal and the reader say the same of the money, an approval
// that the terminal was told is never taken back, and a card is charged once.
func TestTheTwoAgree(t *testing.T) {
	t.Parallel()
	ends := map[card.Result]int{}
	rapid.Check(t, func(rt *rapid.T) {
		tap := card.Tap{
			Outcome: rapid.SampledFrom(card.Outcomes()).Draw(rt, "outcome"),
			Delay:   time.Duration(rapid.IntRange(0, 4000).Draw(rt, "the bank thinks")) * time.Millisecond,
		}
		var cuts []time.Duration
		for range rapid.IntRange(0, 4).Draw(rt, "cuts") {
			cuts = append(cuts, time.Duration(rapid.IntRange(0, 2500).Draw(rt, "cut after"))*time.Millisecond)
		}
		noise := cardlinktest.Noise{Split: true}
		if rapid.Bool().Draw(rt, "noisy") {
			noise = cardlinktest.Noise{Lose: 0.002, Flip: 0.002, Repeat: 0.3, Split: true}
		}
		seed := rapid.Uint64().Draw(rt, "noise")
		away := time.Duration(rapid.IntRange(0, 40).Draw(rt, "away")) * time.Second
		wrong := ""
		synctest.Test(t, func(t *testing.T) {
			r, err := card.Open(card.Config{ReverseAfter: 30 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			l := &line{reader: r, noise: noise, seed: seed}
			ctx, cancel := context.WithCancel(t.Context())
			driver := cardlink.New(cardlink.Config{Open: l.open})
			cutter := make(chan struct{})
			go func() {
				defer close(cutter)
				for _, after := range cuts {
					time.Sleep(after)
					l.cut()
				}
			}()
			go func() { _, _ = r.Tap(ctx, tap) }()
			told, err := settle(t.Context(), driver, away)
			<-cutter
			time.Sleep(time.Minute) // twice as long as an approval waits
			again, againErr := driver.Last(t.Context(), "P1")
			wrong = disagree(r.Ledger(), told, err)
			if wrong == "" && (again != told || !same(againErr, err)) {
				wrong = "told otherwise a minute later"
			}
			for _, e := range r.Ledger() {
				ends[e.Outcome]++
			}
			cancel()
			_ = driver.Close()
			l.cut()
			l.all.Wait()
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
	for _, end := range []card.Result{card.Approved, card.Declined, card.Reversed} {
		if ends[end] == 0 {
			t.Errorf("no card ever was %s: %v", end, ends)
		}
	}
}

// settle does as the agent does: Pay until a card was read or the sale's time is
// up (the one card may have been read in vain, before the terminal knew), then
// Last until the outcome is known; nobody knows it for ever is one too. Between the
// two the terminal may be away.
func settle(ctx context.Context, driver *cardlink.Reader, away time.Duration) (protocol.Card, error) {
	read, declined := false, (*agent.CardDeclined)(nil)
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !read && limited.Err() == nil {
		got, err := driver.Pay(limited, "P1", 24_500, func() { read = true })
		if err == nil || errors.As(err, &declined) {
			return got, err
		}
		time.Sleep(3 * time.Second)
	}
	time.Sleep(away)
	for tries := 0; ; tries++ {
		got, err := driver.Last(ctx, "P1")
		if err == nil || errors.Is(err, agent.ErrCardUnknownRef) || errors.As(err, &declined) || tries > 12 {
			return got, err
		}
		time.Sleep(3 * time.Second)
	}
}

// disagree says in what the ledger and the terminal differ; "" for nothing.
func disagree(ledger []card.Entry, told protocol.Card, err error) string {
	charged := 0
	for _, e := range ledger {
		if e.Outcome == card.Approved {
			charged++
		}
		if e.Outcome == card.Asked {
			return "a card is open for ever"
		}
	}
	if len(ledger) == 0 {
		return "no card was read at all"
	}
	switch last := ledger[len(ledger)-1]; {
	case charged > 1:
		return "charged twice"
	case (err == nil) != (charged == 1):
		return "the terminal was told otherwise than the ledger says"
	case err == nil && (told.RRN != last.RRN || told.AmountPaise != last.AmountPaise):
		return "the terminal was told of another approval"
	case errors.Is(err, agent.ErrCardNoAnswer) != (last.Outcome == card.NoAnswer):
		return "nobody knows, and somebody does"
	}
	return ""
}

// line is a cable between a driver and a reader that can be cut.
type line struct {
	reader *card.Reader
	noise  cardlinktest.Noise
	seed   uint64
	all    sync.WaitGroup

	mu   sync.Mutex
	last net.Conn
}

func (l *line) open(ctx context.Context) (io.ReadWriteCloser, error) {
	theirs, ours := net.Pipe()
	l.mu.Lock()
	l.last = ours
	l.seed++
	seed := l.seed
	l.mu.Unlock()
	l.all.Go(func() { _ = l.reader.Talk(context.Background(), l.noise.Over(ours, seed)) })
	return l.noise.Over(theirs, seed+1000), nil
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil {
		_ = l.last.Close()
	}
}
