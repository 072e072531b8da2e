package card_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"pgregory.net/rapid"
)

// openFile is a reader with its ledger in a file.
func openFile(t interface {
	Helper()
	Fatal(...any)
}, file string) *card.Reader {
	t.Helper()
	r, err := card.Open(card.Config{File: file})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// buy has one card read for a sale and waits for the end.
func buy(t *testing.T, r *card.Reader, ref string, tap card.Tap) error {
	t.Helper()
	p := pay(t.Context(), r, ref, 24_500)
	if _, err := r.Tap(t.Context(), tap); err != nil {
		t.Fatal(err)
	}
	<-p.done
	return p.err
}

// The next reader of the file knows what the one before has read.
func TestLedgerSurvives(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "reader.jsonl")
	r := openFile(t, file)
	if _, err := os.Stat(file); err == nil {
		t.Fatal("there is a file before there was a card")
	}
	for i, outcome := range card.Outcomes() {
		_ = buy(t, r, fmt.Sprintf("P%d", i), card.Tap{Outcome: outcome})
	}
	next := openFile(t, file)
	if !reflect.DeepEqual(next.Ledger(), r.Ledger()) || len(next.Ledger()) != len(card.Outcomes()) {
		t.Fatalf("the next reader has\n%+v\nthe one before had\n%+v", next.Ledger(), r.Ledger())
	}
	for i := range card.Outcomes() {
		ref := fmt.Sprintf("P%d", i)
		before, beforeErr := r.Last(t.Context(), ref)
		after, afterErr := next.Last(t.Context(), ref)
		if before != after || !same(afterErr, beforeErr) {
			t.Errorf("%s: %+v, %v; before %+v, %v", ref, after, afterErr, before, beforeErr)
		}
	}
	if _, err := next.Last(t.Context(), "P9"); !errors.Is(err, agent.ErrCardUnknownRef) {
		t.Errorf("Last of what was never read = %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

// A crash in the middle of a line loses that line and no other, wherever it was.
func TestLedgerTorn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "reader.jsonl")
	r := openFile(t, file)
	_ = buy(t, r, "P1", card.Tap{Outcome: card.Approve})
	one, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_ = buy(t, r, "P2", card.Tap{Outcome: card.Decline})
	both, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(one); cut < len(both); cut++ {
		if err := os.WriteFile(file, both[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		torn := openFile(t, file)
		if got := torn.Ledger(); len(got) != 1 || got[0].Ref != "P1" {
			t.Fatalf("cut at %d it has %+v", cut, got)
		}
		if err := buy(t, torn, "P3", card.Tap{Outcome: card.Approve}); err != nil {
			t.Fatal(err)
		}
		if got := openFile(t, file).Ledger(); len(got) != 2 || got[1].Ref != "P3" {
			t.Fatalf("cut at %d and written to, it has %+v", cut, got)
		}
	}
}

// What is no ledger is not taken for one, and stays as it is.
func TestLedgerRefused(t *testing.T) {
	t.Parallel()
	good := func(change string) string {
		line := `{"ref":"P1","amountPaise":24500,"outcome":"approve","rrn":"000000000001","last4":"4242","network":"VISA","type":"DEBIT",` +
			`"readAt":"2026-11-21T10:00:00Z","answerAt":"2026-11-21T10:00:00Z"}` + "\n"
		from, to, _ := strings.Cut(change, "=>")
		if !strings.Contains(line, from) {
			t.Fatalf("no %s", from)
		}
		return strings.Replace(line, from, to, 1)
	}
	mark := func(what, at string) string { return fmt.Sprintf("{\"ref\":\"P1\",\"mark\":%q,\"at\":%q}\n", what, at) }
	for name, text := range map[string]string{
		"noise":                "hello\n",
		"an empty object":      "{}\n",
		"an unknown field":     good(`"ref"=>"pan":"1","ref"`),
		"no reference":         good(`"P1"=>""`),
		"an amount of nothing": good(`24500=>0`),
		"an amount in rupees":  good(`24500=>245.00`),
		"an unknown outcome":   good(`"approve"=>"perhaps"`),
		"a short number":       good(`"000000000001"=>"00000000001"`),
		"letters in a number":  good(`"000000000001"=>"00000000000x"`),
		"a card number":        good(`"4242"=>"4111111111111111"`),
		"no digits":            good(`"4242"=>""`),
		"an answer before":     good(`T10:00:00Z"}=>T09:59:59Z"}`),
		"the second line":      good(`"P1"=>"P2"`) + "x\n",
		"a mark of nothing":    mark("sent", "2026-11-21T10:00:01Z"),
		"a mark without need":  good("P1=>P1") + mark("sent", "2026-11-21T10:00:01Z"),
		"a mark before":        good(`"ref"=>"gated":true,"ref"`) + mark("sent", "2026-11-21T09:00:00Z"),
		"a mark twice":         good(`"ref"=>"gated":true,"ref"`) + mark("sent", "2026-11-21T10:00:01Z") + mark("sent", "2026-11-21T10:00:02Z"),
		"no such mark":         good(`"ref"=>"gated":true,"ref"`) + mark("paid", "2026-11-21T10:00:01Z"),
		"dropped for nothing":  good(`"ref"=>"gated":true,"ref"`) + mark("dropped", "2026-11-21T10:00:01Z"),
		"kept before approved": good(`"ref"=>"gated":true,"ref"`) + mark("kept", "2026-11-21T10:00:01Z"),
		"kept twice":           good("P1=>P1") + mark("kept", "2026-11-21T10:00:01Z") + mark("kept", "2026-11-21T10:00:02Z"),
		"reversed before":      good(`"ref"=>"reverseAt":"2026-11-21T09:00:00Z","ref"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "reader.jsonl")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("the card reader's ledger: %s: line %d is not a card that was read", file, strings.Count(text, "\n"))
			if r, err := card.Open(card.Config{File: file}); err == nil || r != nil || err.Error() != want {
				t.Fatalf("Open = %v, %v; want %s", r, err, want)
			}
			if now, err := os.ReadFile(file); err != nil || string(now) != text {
				t.Fatalf("the file is now %q, %v", now, err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "reader.jsonl")
	if err := os.WriteFile(file, []byte(good("P1=>P1")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := openFile(t, file).Ledger(); len(got) != 1 || got[0].RRN != "000000000001" {
		t.Fatalf("and the good line is %+v", got)
	}
	if _, err := card.Open(card.Config{File: t.TempDir()}); err == nil {
		t.Fatal("a directory is taken for a ledger")
	}
}

// When the ledger cannot be written no card is read: the sale goes on waiting.
func TestLedgerUnwritable(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "away")
	r := openFile(t, filepath.Join(directory, "reader.jsonl"))
	p := pay(t.Context(), r, "P1", 24_500)
	entry, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve})
	if err == nil || errors.Is(err, card.ErrNotAsked) || len(r.Ledger()) != 0 {
		t.Fatalf("Tap = %+v, %v; the ledger has %v", entry, err, r.Ledger())
	}
	if _, err := r.Last(t.Context(), "P1"); !errors.Is(err, agent.ErrCardUnknownRef) {
		t.Fatalf("Last = %v", err)
	}
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
		t.Fatal(err)
	}
	if <-p.done; p.err != nil {
		t.Fatal(p.err)
	}
}

// Whatever is bought, and however often the reader is replaced, each sale has
// one card, each number is new, and what was final once stays.
func TestLedgerKeeps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		file := filepath.Join(dir, fmt.Sprintf("%d.jsonl", runs))
		r := openFile(rt, file)
		known := map[string]card.Entry{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "replaced") {
				r = openFile(rt, file)
			}
			ref := rapid.SampledFrom([]string{"P1", "P2", "P3", "P4"}).Draw(rt, "sale")
			tap := card.Tap{Outcome: rapid.SampledFrom(card.Outcomes()).Draw(rt, "outcome")}
			if tap.Outcome == card.Late && rapid.Bool().Draw(rt, "slow") {
				tap.Delay = card.MaxDelay
			}
			_, was := known[ref]
			p := pay(t.Context(), r, ref, 24_500)
			if !was {
				if _, err := r.Tap(t.Context(), tap); err != nil {
					rt.Fatal(err)
				}
			}
			<-p.done
			rrns := map[string]bool{}
			for _, e := range r.Ledger() {
				if before, ok := known[e.Ref]; ok && before != e && e.Outcome != card.Reversed {
					rt.Fatalf("%s was %+v, is %+v", e.Ref, before, e)
				}
				known[e.Ref] = e
				if e.RRN != "" && rrns[e.RRN] {
					rt.Fatalf("the number %s twice", e.RRN)
				}
				rrns[e.RRN] = true
			}
			if len(known) != len(r.Ledger()) {
				rt.Fatalf("%d sales, %d cards: %+v", len(known), len(r.Ledger()), r.Ledger())
			}
		}
	})
}

// Whatever is in a file, opening it ends well, and only what could have been
// written here is taken: read by another parser, the lines taken are the whole
// lines of the file, and none holds more of a card than four digits.
func FuzzLedger(f *testing.F) {
	const line = `{"ref":"P1","amountPaise":24500,"outcome":"late","rrn":"000000000001","last4":"4242","network":"VISA","type":"DEBIT","readAt":"2026-11-21T10:00:00Z","answerAt":"2026-11-21T10:00:05Z"}`
	f.Add([]byte(line + "\n"))
	f.Add([]byte(line + "\n" + line[:40]))
	f.Add([]byte(strings.Replace(line, `"ref"`, `"gated":true,"ref"`, 1) + "\n" + `{"ref":"P1","mark":"sent","at":"2026-11-21T10:00:01Z"}` + "\n"))
	f.Add([]byte(line + "\n" + `{"ref":"P1","mark":"kept","at":"2026-11-21T10:00:05Z"}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "reader.jsonl")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := card.Open(card.Config{File: file})
		if err != nil {
			return
		}
		whole := text[:bytes.LastIndexByte(text, '\n')+1]
		entries, cards := r.Ledger(), 0
		for i, line := range bytes.Split(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n")) {
			var fields map[string]any
			if err := json.Unmarshal(line, &fields); err != nil && len(whole) > 0 {
				t.Fatalf("line %d is taken, and is not JSON: %v", i+1, err)
			}
			if _, marked := fields["mark"]; !marked && len(whole) > 0 {
				cards++
			}
		}
		if len(entries) != cards {
			t.Fatalf("%d cards of %d lines", len(entries), cards)
		}
		for i, e := range entries {
			if len(e.Last4) != 4 || e.AmountPaise <= 0 || e.Ref == "" {
				t.Fatalf("line %d is taken as %+v", i+1, e)
			}
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, whole) {
			t.Fatalf("the file is %q, want %q", now, whole)
		}
	})
}
