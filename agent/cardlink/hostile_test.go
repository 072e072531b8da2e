package cardlink_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
	"github.com/galla-pay/galla/protocol/cardlink/cardlinktest"
	"pgregory.net/rapid"
)

// hostile is a reader that writes whatever it wants into frames that are good by
// their checksum: what it says to each kind of message, as texts.
type hostile struct {
	script map[wire.Kind][]string
	mu     sync.Mutex
	n      int
	asked  []wire.Kind
}

// open is a driver's way to it.
func (h *hostile) open(context.Context) (io.ReadWriteCloser, error) {
	ours, theirs := net.Pipe()
	go h.talk(ours)
	return theirs, nil
}

func (h *hostile) talk(line net.Conn) {
	defer line.Close()
	h.raw(line, "G1 K evilevil")
	var d wire.Decoder
	last, buffer := 0, make([]byte, 256)
	for {
		_ = line.SetReadDeadline(time.Now().Add(time.Second))
		n, err := line.Read(buffer)
		d.Feed(buffer[:n], func(f wire.Frame) {
			if f.Kind != wire.Data {
				return
			}
			h.raw(line, fmt.Sprintf("G1 A %s %d", f.Session, f.N))
			if f.N <= last {
				return
			}
			last = f.N
			h.mu.Lock()
			h.asked = append(h.asked, f.Message.Kind)
			h.mu.Unlock()
			for _, text := range h.script[f.Message.Kind] {
				h.n++
				h.raw(line, fmt.Sprintf("G1 D evilevil %d %s", h.n, strings.ReplaceAll(text, "TAG", string(wire.TagOf(f.Message.Ref)))))
			}
		}, func() {})
		if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
			h.raw(line, "G1 K evilevil")
		} else if err != nil {
			return
		}
	}
}

// raw writes a frame with a good checksum around any text, and the text itself
// before and behind it.
func (h *hostile) raw(line net.Conn, text string) {
	_ = line.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = fmt.Fprintf(line, "%s\n$%s*%08X\n%s\n", text, text, crc32.ChecksumIEEE([]byte(text)), text)
}

// answers are one of each thing that a reader can say.
func answers() []string {
	return []string{
		"STATE IDLE", "WAITING TAG", "READ TAG", "PENDING TAG", "APPROVED TAG INR24500 R632512004217 VISA DEBIT X4242", "KEPT TAG",
		"DECLINED TAG INSUFFICIENT_FUNDS", "REVERSED TAG", "UNKNOWN TAG", "NONE TAG", "WITHDRAWN TAG", "REMOVE TAG", "ERROR TAG BUSY",
	}
}

// poisoned are all answers with a card's number in each word, in every spelling,
// and as a word more.
func poisoned(pans []string) []string {
	var all []string
	for _, pan := range pans {
		for _, spelled := range spellings(pan) {
			for _, answer := range answers() {
				words := strings.Fields(answer)
				for i := range words {
					with := slices.Clone(words)
					with[i] = spelled
					all = append(all, strings.Join(with, " "))
					with[i] = words[i] + spelled
					all = append(all, strings.Join(with, " "))
				}
				all = append(all, answer+" "+spelled, spelled+" "+answer)
			}
		}
	}
	return all
}

// TestNoCardNumberGetsIn (failure matrix T23): a reader puts a card's number into
// every field of everything that it can say, in frames that are whole. Nothing of
// it reaches a message, the disk, the log or a status; and the sale goes on.
func TestNoCardNumberGetsIn(t *testing.T) {
	t.Parallel()
	evil := poisoned(cardlinktest.PANs())
	for _, text := range evil {
		if m, err := wire.Parse(strings.ReplaceAll(text, "TAG", string(wire.TagOf("A")))); err == nil {
			t.Fatalf("%q is read as %+v", text, m)
		}
	}
	for name, tt := range map[string]struct {
		evil []string // of the sale; each case has another third
		end  string
		last []string
		fact string
	}{
		"approved":   {evil[:len(evil)/3], "APPROVED TAG INR24500 R632512004217 VISA DEBIT X4242", nil, "card_approved A 632512004217"},
		"declined":   {evil[len(evil)/3 : 2*len(evil)/3], "DECLINED TAG INSUFFICIENT_FUNDS", nil, "card_declined A INSUFFICIENT_FUNDS"},
		"an unknown": {evil[2*len(evil)/3:], "UNKNOWN TAG", append(slices.Clone(evil[:200]), "DECLINED TAG STOLEN_CARD_51"), "card_declined A STOLEN_CARD_51"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &hostile{script: map[wire.Kind][]string{
					wire.Sale:  append(slices.Clone(evil[:200]), "WAITING TAG", "READ TAG"),
					wire.Noted: append(slices.Clone(tt.evil), tt.end),
					wire.Took:  append(slices.Clone(evil[:200]), "KEPT TAG"),
					wire.Last:  tt.last,
				}}
				var drivers bytes.Buffer
				reader := cardlink.New(cardlink.Config{Open: h.open, Log: slog.New(slog.NewTextHandler(&locked{w: &drivers}, &slog.HandlerOptions{Level: slog.LevelDebug}))})
				x := switchOn(t, reader)
				x.wantCard("A")
				time.Sleep(5 * time.Second)
				facts := x.facts()
				x.end("A")
				x.off()
				if err := reader.Close(); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if !slices.Contains(facts, tt.fact) || !slices.Contains(facts, "card_read A") {
					t.Errorf("facts are %q, want %s", facts, tt.fact)
				}
				if leak := x.leaks(drivers.String()); leak != "" {
					t.Error(leak)
				}
			})
		})
	}
}

// locked lets two goroutines write.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// Whatever a reader says at whichever moment, in whatever mixture of good words
// and card numbers: none of them gets in.
func TestNoCardNumberGetsInEver(t *testing.T) {
	t.Parallel()
	read := 0
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.Custom(func(t *rapid.T) string {
			pan := rapid.SampledFrom(cardlinktest.PANs()).Draw(t, "pan")
			return rapid.SampledFrom(append(spellings(pan), "TAG", "TAG", "INR24500", "R632512004217", "VISA", "-", "X4242", "NO_51")).Draw(t, "word")
		})
		said := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom(answers()),
			rapid.Custom(func(t *rapid.T) string {
				kind := rapid.SampledFrom(answers()).Draw(t, "kind")
				return strings.Fields(kind)[0] + " " + strings.Join(rapid.SliceOfN(word, 0, 7).Draw(t, "words"), " ")
			}),
		), 0, 6)
		h := &hostile{script: map[wire.Kind][]string{}}
		for _, k := range []wire.Kind{wire.Sale, wire.Noted, wire.Took, wire.Last, wire.Cancel} {
			h.script[k] = said.Draw(rt, string(k))
		}
		if rapid.Bool().Draw(rt, "a card is read") {
			h.script[wire.Sale] = append(h.script[wire.Sale], "READ TAG")
		}
		leak := ""
		synctest.Test(t, func(t *testing.T) {
			var drivers bytes.Buffer
			reader := cardlink.New(cardlink.Config{Open: h.open, Log: slog.New(slog.NewTextHandler(&locked{w: &drivers}, nil))})
			x := switchOn(t, reader)
			x.wantCard("A")
			time.Sleep(3 * time.Second)
			if slices.Contains(x.facts(), "card_read A") {
				read++
			}
			x.off()
			_ = reader.Close()
			synctest.Wait()
			leak = x.leaks(drivers.String())
		})
		if leak != "" {
			rt.Fatal(leak)
		}
	})
	if read == 0 {
		t.Error("no card was ever read")
	}
}

// careless is a driver that hands on whatever it was given: the terminal itself
// lets no number in either.
type careless struct {
	card protocol.Card
	err  error
}

func (c careless) Pay(_ context.Context, _ string, _ protocol.Paise, started func()) (protocol.Card, error) {
	started()
	return c.card, c.err
}

func (c careless) Last(context.Context, string) (protocol.Card, error) { return c.card, c.err }

func TestTheDeskLetsNoNumberIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		any := rapid.Custom(func(t *rapid.T) string {
			pan := rapid.SampledFrom(cardlinktest.PANs()).Draw(t, "pan")
			return rapid.SampledFrom(append(spellings(pan), "632512004217", "VISA", "4242", "")).Draw(t, "text")
		})
		c := careless{card: protocol.Card{
			RRN: any.Draw(rt, "rrn"), Last4: any.Draw(rt, "last4"), Network: any.Draw(rt, "network"), Type: any.Draw(rt, "type"),
			AmountPaise: rapid.SampledFrom([]protocol.Paise{24_500, 4_111_111_111_111_111}).Draw(rt, "amount"),
		}}
		if rapid.Bool().Draw(rt, "declined") {
			c.err = &agent.CardDeclined{Reason: any.Draw(rt, "reason")}
		}
		leak := ""
		synctest.Test(t, func(t *testing.T) {
			x := switchOn(t, c)
			x.wantCard("A")
			time.Sleep(3 * time.Second)
			x.off()
			leak = x.leaks()
		})
		if leak != "" {
			rt.Fatal(leak)
		}
	})
}

// FuzzReader: whatever frames a reader writes, a Pay and a Last end, and neither
// their answers nor the log hold a card's number.
func FuzzReader(f *testing.F) {
	f.Add("READ TAG\nAPPROVED TAG INR24500 R632512004217 VISA DEBIT X4242\nKEPT TAG")
	f.Add("READ TAG\nDECLINED TAG 4111111111111111\nERROR TAG 4111\nUNKNOWN TAG")
	f.Add("PENDING TAG\nAPPROVED TAG INR24500 R4111111111111111 4111111111111111 DEBIT X4242")
	f.Fuzz(func(t *testing.T, said string) {
		synctest.Test(t, func(t *testing.T) {
			lines := strings.Split(said, "\n")
			if len(lines) > 40 {
				return
			}
			h := &hostile{script: map[wire.Kind][]string{wire.Sale: lines, wire.Noted: lines, wire.Last: lines, wire.Took: {"KEPT TAG"}}}
			var log bytes.Buffer
			r := cardlink.New(cardlink.Config{Open: h.open, Log: slog.New(slog.NewTextHandler(&locked{w: &log}, nil))})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			starts := 0
			began := time.Now()
			paid, payErr := r.Pay(ctx, "P1", 24_500, func() { starts++ })
			last, lastErr := r.Last(t.Context(), "P1")
			if took := time.Since(began); took > 2*time.Minute {
				t.Errorf("it took %v", took)
			}
			_ = r.Close()
			synctest.Wait()
			if starts > 1 {
				t.Errorf("a card was read %d times", starts)
			}
			if payErr == nil && paid.AmountPaise != 24_500 || lastErr == nil && last.AmountPaise != 24_500 {
				t.Errorf("approved: %+v, %+v", paid, last)
			}
			text := fmt.Sprintf("%+v\n%v\n%+v\n%v\n%s", paid, payErr, last, lastErr, log.String())
			if pan, found := cardlinktest.FindPAN([]byte(text)); found {
				t.Errorf("%s in %s", pan, text)
			}
		})
	})
}
