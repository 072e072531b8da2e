package mqttlink_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/protocol"
)

// notes are a witness's.
type notes struct {
	w    *world
	said []string
}

func (n *notes) note(text string) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.said = append(n.said, text)
}

func (n *notes) StatePublished(w decide.Wanted, began time.Time) {
	text := fmt.Sprintf("%s is told %d", w.Terminal.TerminalID, w.Terminal.Seq)
	if w.Sale != nil {
		text += " sale " + w.Sale.ID
	}
	if w.Result != nil {
		text += " result " + w.Result.ID
	}
	if age := time.Since(began); age < 0 || age > time.Second {
		text += fmt.Sprint(" after ", age)
	}
	n.note(text)
}

func (n *notes) ResultShown(by protocol.Identity, paymentID string) {
	n.note(by.TerminalID + " shows " + paymentID)
}

// TestWitness: a witness hears of each new state once, however often it is published,
// and not of one that the broker did not take; and of results that are on glass.
func TestWitness(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, _ *recorder) {
		n := &notes{w: w}
		w.witness = n
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		pass(0)
		w.mouth.fail.Store(2)
		p := w.sale(t, h.id, "A")
		pass(5 * time.Second) // it is published each second
		h.report(1, fact(1, protocol.FactReceived, p.ID), fact(2, protocol.FactPresented, p.ID))
		pass(time.Second)
		w.pay(t, p)
		pass(5 * time.Second)
		seq := w.terminal(t, h.id).Seq
		h.report(seq, fact(3, protocol.FactShown, p.ID))
		pass(time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		want := []string{"till-1 is told 1 sale GPA", fmt.Sprintf("till-1 is told %d result GPA", seq), "till-1 shows GPA"}
		if !slices.Equal(n.said, want) {
			t.Errorf("it heard %q, want %q", n.said, want)
		}
	})
}
