package session

import (
	"testing"

	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// TestTheNewestStateWins: whatever comes before the event loop looks, it finds
// the last answer, then the newest state after it, and whether the link is up;
// never more than a handful of events.
func TestTheNewestStateWins(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := inbox{signal: make(chan struct{}, 1)}
		var all []Event
		for range rapid.IntRange(1, 50).Draw(t, "events") {
			var ev Event
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				ev = Up{}
			case 1:
				ev = Down{}
			case 2:
				ev = State{Answer: true, State: protocol.State{Seq: rapid.Uint64Range(1, 20).Draw(t, "seq")}}
			default:
				ev = State{State: protocol.State{Seq: rapid.Uint64Range(1, 20).Draw(t, "seq")}}
			}
			all = append(all, ev)
			b.put(ev)
			if len(b.events) > 4 {
				t.Fatalf("%d events wait: %+v", len(b.events), b.events)
			}
		}
		select {
		case <-b.signal:
		default:
			t.Fatal("no signal")
		}
		got := b.take()
		if len(b.take()) != 0 {
			t.Fatal("taken twice")
		}

		// What an event loop that looked every time would know.
		want, have := follow(all), follow(got)
		if want != have {
			t.Fatalf("%+v\nleads to %+v\n%+v\nleads to %+v", all, want, got, have)
		}
	})
}

// known is what a terminal knows: the link, and the newest state since the last
// answer.
type known struct {
	link    bool
	touched bool // the link came or went
	answer  uint64
	newest  uint64
}

func follow(events []Event) (k known) {
	for _, ev := range events {
		switch ev := ev.(type) {
		case Up:
			k.link, k.touched = true, true
		case Down:
			k.link, k.touched = false, true
		case State:
			switch {
			case ev.Answer:
				k.answer, k.newest = ev.State.Seq, ev.State.Seq
			case ev.State.Seq > k.newest:
				k.newest = ev.State.Seq
			}
		}
	}
	return k
}
