package screen

import (
	"strconv"

	"github.com/galla-pay/galla/protocol"
)

// scene is what a view says, before anything is laid out: what the panels that
// are not upright and coloured share.
type scene struct {
	tone tone
	art  art
	band word // what the whole top says instead of the status; empty: nothing
	rows []row
}

// tone is the mood of a whole picture.
type tone string

const (
	toneCalm tone = "calm"
	toneGood tone = "good" // paid
	toneBad  tone = "bad"  // failed
)

// art is what stands beside the words.
type art string

const (
	artNone    art = ""
	artLogo    art = "logo"
	artSpinner art = "spinner"
	artNoLink  art = "nolink"
	artReady   art = "ready"
	artCard    art = "card"
	artDoubt   art = "doubt"
	artPaid    art = "paid"
	artFailed  art = "failed"
	artExpired art = "expired"
	artStopped art = "stopped"
	artFault   art = "fault"
)

// row is one text and what it is for.
type row struct {
	part part
	text string
}

// part is what a text is for; each layout has its sizes for each.
type part string

const (
	partTitle  part = "title"  // what is so
	partAmount part = "amount" // never cut
	partCode   part = "code"   // typed, or to be typed
	partNote   part = "note"   // more about it
	partNext   part = "next"   // what to do
	partAlert  part = "alert"  // what must not be overlooked
	partTime   part = "time"   // what is left
	partFoot   part = "foot"   // a number; its end tells it apart
	partDone   part = "done"   // a step behind
	partNow    part = "now"    // the step under way
	partLater  part = "later"  // a step ahead
)

func (s *scene) add(p part, text string) {
	if text != "" {
		s.rows = append(s.rows, row{p, text})
	}
}

// scene is what a checked view says. What asks for keys, and a QR, has layouts of
// its own: their rows are those beside it.
func (v View) scene() scene {
	s := scene{tone: toneCalm}
	say := v.Lang.say
	switch v.Mode {
	case protocol.ModeStarting:
		s.art = artLogo
		s.add(partTitle, say(wName))
		s.add(partNote, say(wStarting))
		now := v.step()
		for i, w := range steps() {
			p := partLater
			switch {
			case i < now:
				p = partDone
			case i == now:
				p = partNow
			}
			s.add(p, say(w.word))
		}
		s.add(partFoot, v.Version)
	case protocol.ModeEnrolling:
		v.enrollingScene(&s)
	case protocol.ModeOffline:
		s.art, s.band = artNoLink, wNoInternet
		s.add(partTitle, say(wNoQR))
		s.add(partNote, say(wOfflineFor, clock(v.Since)))
		if why := v.reason(); why != "" {
			s.add(partAlert, why)
		} else if v.NextTry > 0 {
			s.add(partNote, say(wNextTry, clock(v.NextTry)))
		} else {
			s.add(partNote, say(wTryingNow))
		}
		s.add(partFoot, v.TerminalLabel)
	case protocol.ModeIdle:
		s.art = artReady
		s.add(partNext, v.MerchantName)
		s.add(partTitle, say(wReady))
		if v.MayPull {
			s.add(partNote, say(wReadyPull))
		} else {
			s.add(partNote, say(wReadyHint))
		}
		if v.Last > 0 {
			s.add(partFoot, say(wLast))
			s.add(partNext, v.Last.String())
		}
	case protocol.ModePrompting:
		s.add(partNote, say(wNewBill))
		v.amountRow(&s)
		v.billRows(&s)
		v.timeRow(&s)
		s.add(partNext, say(wTakeIt))
	case protocol.ModeChoosing:
		v.amountRow(&s)
		v.timeRow(&s)
	case protocol.ModePresenting:
		v.presentingScene(&s)
	case protocol.ModePulling:
		s.add(partNote, say(wPullTitle))
		s.add(partCode, v.Digits)
		s.add(partNote, say(wPullDigits))
		s.add(partNext, say(wPullOK))
		s.add(partNote, say(wPullClear))
	case protocol.ModeChecking:
		if v.Lapsed {
			s.art = artExpired
			v.amountRow(&s)
			s.add(partTitle, say(wExpired))
			s.add(partNote, say(wNotTaken))
			s.add(partNext, say(wAskingTill))
			break
		}
		s.art = artSpinner
		v.amountRow(&s)
		s.add(partTitle, say(wChecking))
		s.add(partNote, say(wCheckingHint))
		s.add(partAlert, say(wDoNotPayAgain))
	case protocol.ModeResult:
		v.resultScene(&s)
	case protocol.ModeTesting:
		// Only a companion says no more: the others have a list.
		title, failed := v.testSays()
		s.add(partTitle, title)
		for _, name := range failed {
			s.add(partNext, name)
		}
	case protocol.ModeUpdating:
		s.art = artLogo
		s.add(partTitle, say(wUpdating))
		s.add(partNote, say(wUpdateHint))
		s.add(partAlert, say(wUpdateWarn))
	case protocol.ModeFault:
		s.art, s.band = artFault, wFault
		title := v.reason()
		if title == "" {
			title = say(wService)
		}
		s.add(partTitle, title)
		s.add(partNote, say(fixWord(v.Reason)))
		v.codeRow(&s)
		s.add(partFoot, v.Version)
	}
	return s
}

func (v View) enrollingScene(s *scene) {
	say := v.Lang.say
	if v.Code == "" {
		s.art = artSpinner
		s.add(partTitle, say(wJoining))
		s.add(partNote, v.MerchantName)
	} else {
		s.add(partNext, say(wAddDevice))
		s.add(partCode, v.Code)
		s.add(partNote, say(wTypeCode))
		if v.Left > 0 {
			s.add(partNote, say(wCodeValid, clock(v.Left)))
		}
	}
	if v.Reason != "" {
		s.add(partAlert, say(wNotJoined))
		s.add(partNote, say(wCode, v.Reason))
	} else if v.Code == "" {
		s.add(partNote, say(wJoiningHint))
	}
	s.add(partFoot, v.Version)
}

// presentingScene is what stands beside the QR, or all of what a card needs.
func (v View) presentingScene(s *scene) {
	say := v.Lang.say
	v.amountRow(s)
	if v.PayMode == protocol.PayCard {
		s.art = artCard
		s.add(partTitle, say(wTapCard))
		s.add(partNote, say(wOnMachine))
		v.timeRow(s)
		return
	}
	if v.ShortOrderID != "" {
		s.add(partFoot, say(wBill, v.ShortOrderID))
	} else {
		s.add(partFoot, v.MerchantName)
	}
	v.timeRow(s)
	if v.Link {
		s.add(partNext, say(wScan))
	} else {
		s.add(partAlert, say(wResultLate))
	}
}

func (v View) resultScene(s *scene) {
	say := v.Lang.say
	switch v.Outcome {
	case protocol.OutcomeSucceeded:
		s.tone, s.art = toneGood, artPaid
		if v.Late {
			s.add(partNote, say(wLate))
		}
		s.add(partTitle, say(wPaid))
		v.amountRow(s)
		if v.Reference != "" {
			s.add(partNote, say(wReference, v.Reference))
		}
	case protocol.OutcomeFailed:
		s.tone, s.art = toneBad, artFailed
		s.add(partTitle, say(wFailed))
		v.amountRow(s)
		s.add(partNote, v.reason())
		v.codeRow(s)
		s.add(partNext, say(wNewQR))
		return
	case protocol.OutcomeExpired:
		s.art = artExpired
		s.add(partTitle, say(wExpired))
		v.amountRow(s)
		s.add(partNote, say(wExpiredHint))
		s.add(partNext, say(wNewQR))
	case protocol.OutcomeCancelled:
		s.art = artStopped
		s.add(partTitle, say(wCancelled))
		v.amountRow(s)
		s.add(partNote, v.reason())
	case protocol.OutcomeUnknown:
		s.art = artDoubt
		s.add(partTitle, say(wUnknown))
		v.amountRow(s)
		s.add(partNote, say(wUnknownHint))
		s.add(partAlert, say(wDoNotPayAgain))
	}
	if v.OrderID != "" {
		s.add(partFoot, say(wOrder, v.OrderID))
	}
}

func (v View) amountRow(s *scene) {
	if v.AmountPaise > 0 {
		s.add(partAmount, v.AmountPaise.String())
	}
}

// billRows are by which number it was pulled, and the till's own.
func (v View) billRows(s *scene) {
	if v.ShortOrderID != "" {
		s.add(partNext, v.Lang.say(wBill, v.ShortOrderID))
	}
	if v.OrderID != "" {
		s.add(partFoot, v.Lang.say(wOrder, v.OrderID))
	}
}

func (v View) timeRow(s *scene) {
	if v.Total > 0 {
		s.add(partTime, clock(v.Left))
	}
}

func (v View) codeRow(s *scene) {
	if code := reasonCode(v.Reason); code != "" {
		s.add(partNote, v.Lang.say(wCode, code))
	}
}

// reason is the text of the view's reason, empty when there is none.
func (v View) reason() string {
	if w, known := reasonWord(v.Reason); known {
		return v.Lang.say(w)
	}
	return ""
}

// stepWord is a step of the start and its text.
type stepWord struct {
	step Step
	word word
}

// steps are those of the start, in their order.
func steps() [3]stepWord {
	return [3]stepWord{{StepScreen, wStepScreen}, {StepNetwork, wStepNetwork}, {StepServer, wStepServer}}
}

// step is the place of the view's step.
func (v View) step() int {
	for i, s := range steps() {
		if s.step == v.Step {
			return i
		}
	}
	return 0
}

// waiting is the badge of what waits, empty when nothing does.
func (v View) waiting() string {
	if v.Waiting <= 0 {
		return ""
	}
	return v.Lang.say(wWaiting, strconv.Itoa(min(v.Waiting, 99)))
}

// silent reports whether the sign of a voice that is off belongs on the picture.
func (v View) silent() bool { return v.Muted && v.Mode == protocol.ModeIdle }

// bare reports whether the picture is of a terminal that is not at work: it has no
// link that could be told of.
func (v View) bare() bool {
	return v.Mode == protocol.ModeStarting || v.Mode == protocol.ModeEnrolling || v.Mode == protocol.ModeUpdating
}
