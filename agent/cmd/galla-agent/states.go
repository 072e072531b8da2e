package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/protocol"
)

// state is a picture that a terminal can show, with sample content.
type state struct {
	name, about string
	view        screen.View
}

// The links of the sample's QR: a usual one, and one for a glass with few pixels.
const (
	sampleLink = "upi://pay?pa=sample@example&pn=Sharma%20Kirana%20Store&mc=5411&tr=GPT2611212025ABCDEF0123456789&am=245.00&cu=INR"
	shortLink  = "upi://pay?pa=sample@example&tr=4821&am=245.00&cu=INR"
)

// states are all pictures that there are, in the order of a terminal's day. Their
// QR is made for the panel, by view.
func states() []state {
	const amount protocol.Paise = 245_00
	base := screen.View{MerchantName: "Sharma Kirana Store", TerminalLabel: "Counter 1", Link: true, Version: version}
	of := func(name, about string, mode protocol.Mode, change func(*screen.View)) state {
		v := base
		v.Mode = mode
		change(&v)
		return state{name, about, v}
	}
	same := func(*screen.View) {}
	timed := func(v *screen.View) {
		v.AmountPaise, v.OrderID = amount, "ORD-4821"
		v.Left, v.Total = 161*time.Second, 180*time.Second
	}
	pulling := func(name, about string, change func(*screen.View)) state {
		return of(name, about, protocol.ModePulling, func(v *screen.View) { v.Digits = "4821"; change(v) })
	}
	result := func(name, about string, o protocol.Outcome, reason string, more ...func(*screen.View)) state {
		return of(name, about, protocol.ModeResult, func(v *screen.View) {
			v.Outcome, v.Reason, v.AmountPaise, v.OrderID = o, reason, amount, "ORD-4821"
			if o == protocol.OutcomeSucceeded {
				v.Reference = "4417"
			}
			for _, change := range more {
				change(v)
			}
		})
	}
	return []state{
		of("starting", "power is on", protocol.ModeStarting, func(v *screen.View) { v.Step = screen.StepNetwork }),
		of("enrolling", "joins its sandbox by itself", protocol.ModeEnrolling, same),
		of("enrolling-code", "waits to be added by its code", protocol.ModeEnrolling, func(v *screen.View) {
			v.Code, v.Left = "K7QP-3XMD", 872*time.Second
		}),
		of("enrolling-refused", "the sandbox does not know it", protocol.ModeEnrolling, func(v *screen.View) { v.Reason = "UNKNOWN_TERMINAL" }),
		of("offline", "no connection, nothing to show", protocol.ModeOffline, func(v *screen.View) {
			v.Link, v.Since, v.NextTry = false, 42*time.Second, 5*time.Second
		}),
		of("idle", "ready", protocol.ModeIdle, func(v *screen.View) { v.Last = amount }),
		of("idle-pull", "ready, a bill may be typed in", protocol.ModeIdle, func(v *screen.View) { v.MayPull = true }),
		pulling("pulling", "a bill's number is typed in", same),
		pulling("pulling-asking", "the bill is asked for", func(v *screen.View) { v.Asking = true }),
		pulling("pulling-other", "another terminal has the bill", func(v *screen.View) {
			v.Pulled, v.PulledBy, v.PulledAge = protocol.PullOther, "testterminal2", 61*time.Second
		}),
		pulling("pulling-unknown", "there is no such bill", func(v *screen.View) { v.Pulled = protocol.PullUnknown }),
		pulling("pulling-ended", "the bill's time is over", func(v *screen.View) { v.Pulled = protocol.PullEnded }),
		of("prompting", "asks the cashier to accept", protocol.ModePrompting, timed),
		of("choosing", "asks for QR or card", protocol.ModeChoosing, timed),
		of("presenting", "the QR", protocol.ModePresenting, timed),
		of("presenting-offline", "the QR, the connection is lost", protocol.ModePresenting, func(v *screen.View) { timed(v); v.Link = false }),
		of("card", "wants a card", protocol.ModePresenting, func(v *screen.View) { timed(v); v.PayMode = protocol.PayCard }),
		of("checking", "asks the bank: do not pay again", protocol.ModeChecking, func(v *screen.View) { v.AmountPaise = amount }),
		of("checking-lapsed", "the time is up, nobody can have paid", protocol.ModeChecking, func(v *screen.View) {
			v.AmountPaise, v.Lapsed = amount, true
		}),
		result("succeeded", "paid", protocol.OutcomeSucceeded, ""),
		result("succeeded-late", "paid after it had left the glass", protocol.OutcomeSucceeded, "", func(v *screen.View) { v.Late = true }),
		result("failed", "not paid", protocol.OutcomeFailed, "UPI:U30"),
		result("rejected", "the cashier said no", protocol.OutcomeFailed, "REJECTED_BY_CASHIER"),
		result("expired", "time over", protocol.OutcomeExpired, "QR_EXPIRED"),
		result("cancelled", "taken back by the till", protocol.OutcomeCancelled, "CANCELLED_BY_MERCHANT"),
		result("unknown", "not confirmed: do not pay again", protocol.OutcomeUnknown, ""),
		of("testing", "the self-test of a running terminal", protocol.ModeTesting, func(v *screen.View) {
			for i, name := range []string{"panel", "companion", "storage", "link", "clock", "keys", "card"} {
				v.Checks[i] = screen.Check{Name: name, Finding: screen.FindingOK}
			}
			v.Checks[1].Finding, v.Checks[3].Finding, v.Checks[6].Finding = screen.FindingAbsent, screen.FindingFailed, screen.FindingOpen
		}),
		of("updating", "restarts for an update", protocol.ModeUpdating, same),
		of("fault", "broken", protocol.ModeFault, func(v *screen.View) { v.Reason = "STORAGE_FAULT" }),
	}
}

// stateNames are those of states, in their order.
func stateNames() []string {
	var names []string
	for _, s := range states() {
		names = append(names, s.name)
	}
	return names
}

// lookState is the state of that name; the error lists those that there are.
func lookState(name string) (state, error) {
	for _, s := range states() {
		if s.name == name {
			return s, nil
		}
	}
	return state{}, fmt.Errorf("there is no state %q: known are %s", name, strings.Join(stateNames(), ", "))
}

// on is the state's view on a panel of that kind.
func (s state) on(k panel.Kind, lang screen.Lang) (screen.View, error) {
	v := s.view
	v.Lang = lang
	if v.Mode != protocol.ModePresenting || v.PayMode == protocol.PayCard || !screen.CarriesQR(k.Size) {
		return v, nil
	}
	glass := screen.Glass{Size: k.Size, Width: k.ActiveWidth}
	code, err := screen.EncodeQR(sampleLink, glass)
	if err != nil {
		code, err = screen.EncodeQR(shortLink, glass)
	}
	v.QR = code
	return v, err
}
