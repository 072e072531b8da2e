package mqttlink

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

func someone(n int) protocol.Identity {
	id := protocoltest.Identity
	id.TerminalID = fmt.Sprint("till-", n)
	return id
}

// message is what terminal n says, signed by nobody: "sync 1", "will 1".
func message(n int, text string) inbound {
	kind, _, _ := strings.Cut(text, " ")
	m := inbound{id: someone(n), leaf: "report"}
	switch kind {
	case "will":
		m.leaf = "presence"
		kind = string(protocol.TypePresence)
	case "beat":
		kind = string(protocol.TypeHeartbeat)
	}
	key := protocoltest.Key("device")
	signed, err := key.Sign(protocol.PurposeUp, struct {
		protocol.Header
		Text string `json:"text"`
	}{protocol.Header{V: protocol.Version, Type: protocol.Type(kind), Identity: m.id}, text})
	if err != nil {
		panic(err)
	}
	m.payload = signed
	return m
}

// text is what was given to message.
func text(t testing.TB, m inbound) string {
	t.Helper()
	var said struct {
		Text string `json:"text"`
	}
	payload, err := protocol.PublicKeys{protocoltest.Key("device").ID: protocoltest.Public("device")}.Open(m.payload, protocol.PurposeUp)
	if err == nil {
		err = json.Unmarshal(payload, &said)
	}
	if err != nil {
		t.Fatal(err)
	}
	return said.Text
}

// TestKindOf: every message of the protocol is known by its first bytes, whatever its
// length; what is no message is of no kind.
func TestKindOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]protocol.Type{
		"sync": protocol.TypeSync, "report": protocol.TypeReport, "heartbeat": protocol.TypeHeartbeat, "pull": protocol.TypePull,
		"presence": "", "state-sale": "", "keys": "",
	} {
		if got := kindOf(protocoltest.JWS(name)); got != want {
			t.Errorf("%s is taken for %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"", ".", "..", "a", "a.b.c", "a.!!!!.c", "a.eyJ2Ijo.c", "a.eyJ2IjoyLCJ0eXBlIjoic3luYw.c", ".." + strings.Repeat("e", 99)} {
		if got := kindOf([]byte(bad)); got != "" {
			t.Errorf("%q is taken for %q", bad, got)
		}
	}
}

// TestABox: what waits of one terminal, in order, after it has said some things.
func TestABox(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, said, waits string }{
		{"each thing", "sync 1,report 1,pull 1,beat 1,will 1", "sync 1,report 1,pull 1,beat 1,will 1"},
		{"a question is asked again", "sync 1,sync 2,sync 3", "sync 3"},
		{"it keeps its place", "sync 1,report 1,beat 1,sync 2", "sync 2,report 1,beat 1"},
		{"a report is said again", "report 1,beat 1,report 2,beat 2,report 3", "report 3,beat 2"},
		{"it is back, and has not been looked at", "report 1,sync 2,report 2,report 3", "report 1,sync 2,report 3"},
		{"it has lost its connection", "sync 1,will 1,sync 2,sync 3", "sync 1,will 1,sync 3"},
		{"wills are kept", "will 1,will 2,will 1", "will 1,will 2,will 1"},
		{"what nobody knows is kept", "report 1,novel 1,report 2,novel 2", "report 1,novel 1,report 2,novel 2"},
		{"it talks without end", "will 1,will 2,will 3,will 4,will 5,will 6,will 7,will 8,will 9,sync 1", "will 1,will 2,will 3,will 4,will 5,will 6,will 7,will 8"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			in := newInbox(1 << 20)
			for _, said := range strings.Split(row.said, ",") {
				in.put(message(1, said))
			}
			var waits []string
			for in.speaks(someone(1)) {
				if asks := in.asks(someone(1)); asks != strings.Contains(row.waits[len(strings.Join(waits, ",")):], "sync") {
					t.Errorf("after %s it asks: %t", waits, asks)
				}
				m, b := in.next()
				waits = append(waits, text(t, m))
				in.done(m, b)
			}
			if got := strings.Join(waits, ","); got != row.waits || in.size != 0 || len(in.boxes) != 0 {
				t.Errorf("%s waits, want %s; %d bytes and %d boxes are left", got, row.waits, in.size, len(in.boxes))
			}
		})
	}
}

// TestTurns: terminals have their turns in the order in which they began to wait, for
// one message each, as many at once as there are hands; what comes while one of theirs
// is dealt with waits for it. At the end nobody is at work, and what waits is left.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newInbox(1 << 20)
		say := func(all ...string) {
			for _, said := range all {
				in.put(message(int(said[0]-'0'), said[2:]))
			}
		}
		said, next := make(chan string, 10), make(chan struct{})
		handle := func(m inbound) {
			said <- text(t, m)
			<-next
		}
		say("1 sync 1", "1 report 1", "2 sync 2", "3 sync 3", "2 sync 22")
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { in.run(ctx, 2, handle) })
		wants := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for len(said) > 0 {
				got = append(got, <-said)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("handled are %q, want %q", got, want)
			}
		}
		wants("sync 1", "sync 22")
		say("1 report 11", "2 report 2")
		wants()
		next <- struct{}{}
		wants("sync 3")
		next <- struct{}{}
		next <- struct{}{}
		wants("report 11", "report 2")
		if !in.speaks(someone(1)) || in.asks(someone(1)) || in.speaks(someone(3)) {
			t.Error("it is not known who has said what")
		}
		if in.asks(someone(9)) {
			t.Error("somebody asks who has said nothing")
		}
		say("4 sync 4", "5 sync 5")
		cancel()
		synctest.Wait()
		close(next)
		running.Wait()
		wants()
		say("6 sync 6")
		wants()
		if in.busy != 0 {
			t.Errorf("%d are at work", in.busy)
		}
	})
}

// TestRoom: bytes that wait are bounded, over all terminals; what takes the place of
// another needs no more room than that has left.
func TestRoom(t *testing.T) {
	t.Parallel()
	one := message(1, "sync 1").size()
	in := newInbox(2 * one)
	for _, row := range []struct {
		of   int
		text string
		want fate
	}{
		{1, "sync 1", waits}, {2, "sync 1", waits}, {3, "sync 1", outOfRoom}, {1, "beat 1", outOfRoom},
		{2, "sync 2", replaced}, {2, "sync " + strings.Repeat("x", 100), outOfRoom},
	} {
		if got := in.put(message(row.of, row.text)); got != row.want {
			t.Errorf("what becomes of %s of terminal %d is %d, want %d", row.text, row.of, got, row.want)
		}
	}
	m, b := in.next()
	in.done(m, b)
	if in.size != one || in.put(message(3, "sync 1")) != waits {
		t.Errorf("there is no room after one has gone; %d bytes wait", in.size)
	}
}

// TestInboxKeepsWhatCounts: whatever terminals say, the last of each kind of each
// connection is dealt with, a terminal's in their order, and nothing is left.
func TestInboxKeepsWhatCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		in := newInbox(1 << 20)
		said, dealt := map[int][]string{}, map[int][]string{}
		deal := func() {
			m, b := in.next()
			var n int
			fmt.Sscanf(m.id.TerminalID, "till-%d", &n)
			dealt[n] = append(dealt[n], text(t, m))
			in.done(m, b)
		}
		for i := range rapid.IntRange(1, 40).Draw(r, "messages") {
			n := rapid.IntRange(1, 3).Draw(r, "terminal")
			what := fmt.Sprintf("%s %d", rapid.SampledFrom([]string{"sync", "report", "pull", "beat", "will"}).Draw(r, "kind"), i)
			if in.put(message(n, what)) != outOfRoom {
				said[n] = append(said[n], what)
			}
			if len(in.ready) > 0 && rapid.IntRange(0, 3).Draw(r, "deal") == 0 {
				deal()
			}
		}
		for len(in.ready) > 0 {
			deal()
		}
		for n, all := range said {
			last := map[string]string{}
			for _, what := range all {
				kind, _, _ := strings.Cut(what, " ")
				last[kind] = what
			}
			got := map[string]bool{}
			for _, what := range dealt[n] {
				got[what] = true
			}
			for kind, what := range last {
				if !got[what] {
					r.Errorf("terminal %d said %v; the last %s is not in %v", n, all, kind, dealt[n])
				}
			}
			for _, what := range all {
				if strings.HasPrefix(what, "will") && !got[what] {
					r.Errorf("terminal %d said %v; %s is not in %v", n, all, what, dealt[n])
				}
			}
		}
		if in.size != 0 || len(in.boxes) != 0 {
			r.Errorf("%d bytes and %d boxes are left", in.size, len(in.boxes))
		}
	})
}
