package machine

import "github.com/galla-pay/galla/protocol"

// Effect is something to do. Effects are carried out in the order in which they
// came; what is on the glass, what is reported as the mode, the pull that is asked
// and the call of the card machine follow from the Machine itself, after the last
// effect.
type Effect interface{ effect() }

// Fact is something that happened, not yet numbered.
type Fact struct {
	Kind      protocol.FactKind
	PaymentID string
	Reason    string
	PayMode   protocol.PayMode // with presented
	Card      protocol.Card    // with card_approved
}

// Ack: the controller has committed all facts of that epoch up to N.
type Ack struct {
	Epoch string
	N     uint64
}

// Save: put Memory and the new Facts on the disk in one write, then report the
// facts. The answer is Stored or StoreFailed, before anything else happens.
type Save struct {
	Memory Memory
	Facts  []Fact
}

// Tell: report the facts although the disk does not take them.
type Tell struct{ Facts []Fact }

// Ask: there is a doubt; ask the controller for the whole state.
type Ask struct{ Why string }

// Confirm: report again, once all other effects are done. The controller has
// repeated itself, or, with Answer, has answered a sync: then it counts the state
// as not told until the terminal says that it has it.
type Confirm struct{ Answer bool }

// Redraw: try the panel again.
type Redraw struct{}

// RunSelfTest: look at the parts of the terminal that the machine has no other
// word of: the companion, the disk and the clock. Each answer is a Tested of that
// number.
type RunSelfTest struct{ Run int }

// Restart: nothing is under way, and the picture of it was on the glass: end.
type Restart struct{}

// Alarm: something came that an honest controller does not send. Text is for
// the log.
type Alarm struct{ Text string }

func (Ack) effect()     {}
func (Save) effect()    {}
func (Tell) effect()    {}
func (Ask) effect()     {}
func (Confirm) effect() {}
func (Redraw) effect()  {}

func (RunSelfTest) effect() {}
func (Restart) effect()     {}
func (Alarm) effect()       {}

// work gathers what one step wants done.
type work struct {
	effects []Effect
	facts   []Fact
	told    []Fact
	unsaved bool // the disk has just refused: do not ask it again at once
}

func (w *work) do(e Effect) { w.effects = append(w.effects, e) }

func (w *work) record(f Fact) { w.facts = append(w.facts, f) }

func (w *work) tell(f Fact) { w.told = append(w.told, f) }
