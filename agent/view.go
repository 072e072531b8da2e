package agent

import (
	"slices"
	"time"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
)

// How often a picture that moves changes (terminal-ux: Common rules).
const (
	barEvery     = time.Second
	spinnerEvery = 250 * time.Millisecond
)

// maxAge bounds what is said of how long ago something was.
const maxAge = 99 * time.Hour

// pictureOf is what is to be on the glass at now. Times are rounded, so that it
// changes only when the picture does.
func pictureOf(m machine.Machine, cfg Config, now time.Duration) picture {
	about := m.Payment()
	p := picture{
		of: subjectOf(m, cfg),
		view: screen.View{
			Mode:          m.Mode,
			AmountPaise:   about.AmountPaise,
			Reason:        m.Reason(),
			OrderID:       about.OrderID,
			MerchantName:  m.Display.MerchantName,
			TerminalLabel: m.Display.Label,
			Waiting:       m.Waiting,
			Link:          m.Link,
			Test:          cfg.Enrol,
			Last:          m.Last,
			Version:       cfg.Software,
			Lang:          languageOf(m, cfg),
			Muted:         m.Muted,
		},
	}
	if p.view.TerminalLabel == "" {
		p.view.TerminalLabel = cfg.Identity.TerminalID
	}
	switch m.Mode {
	case protocol.ModeStarting:
		if m.Ready {
			p.view.Step = screen.StepServer
		}
	case protocol.ModeTesting:
		p.sweep = m.Tests
		for i, c := range machine.Checks() {
			p.view.Checks[i] = screen.Check{Name: string(c), Finding: screen.Finding(m.Test.Found[i])}
		}
	case protocol.ModeIdle:
		p.view.MayPull = m.Display.Pull && m.Parts.Keys
	case protocol.ModePulling:
		keypadView(&p.view, m)
	case protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting:
		p.view.ShortOrderID = m.Sale.ShortOrderID
		p.view.Total = m.Sale.Total
		p.view.Left = (m.Left(now) + barEvery - 1).Truncate(barEvery)
		if m.Mode != protocol.ModePresenting {
			break
		}
		if p.view.PayMode = m.Sale.Chosen; m.Sale.Chosen != protocol.PayCard {
			p.qr = m.Sale.QR
		}
	case protocol.ModeChecking, protocol.ModeEnrolling:
		if p.view.Lapsed = lapsed(m); !p.view.Lapsed {
			p.view.Tick = int((now - m.Since) / spinnerEvery)
		}
	case protocol.ModeOffline:
		p.view.Since = (now - m.Since).Truncate(barEvery)
	case protocol.ModeResult:
		p.view.Outcome, p.view.Reference, p.view.Late = m.Result.Outcome, m.Result.Reference, m.Late
	}
	return p
}

// lapsed reports whether the terminal waits for the controller's word about a sale
// that nobody can have paid: then nothing turns.
func lapsed(m machine.Machine) bool {
	return m.Mode == protocol.ModeChecking && m.Reason() == machine.ReasonNotTaken
}

// nextPicture is when pictureOf changes by itself; 0: it does not.
func nextPicture(m machine.Machine, now time.Duration) time.Duration {
	switch m.Mode {
	case protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting:
		// The bar changes when a whole number of seconds is left.
		if rest := m.Left(now) % barEvery; rest > 0 {
			return now + rest
		}
		return now + barEvery
	case protocol.ModeChecking, protocol.ModeEnrolling:
		if lapsed(m) {
			return 0
		}
		return now + spinnerEvery - (now-m.Since)%spinnerEvery
	case protocol.ModeOffline:
		return now + barEvery - (now-m.Since)%barEvery
	}
	return 0
}

// keypadView puts a keypad into a view.
func keypadView(v *screen.View, m machine.Machine) {
	k := m.Keypad
	v.Digits, v.Asking, v.Silent = k.Digits, k.Pull.ID != "", k.Silent
	v.Pulled, v.PulledBy = k.Answer.Outcome, k.Answer.By
	v.PulledAge = time.Duration(min(max(k.Answer.AgeMillis, 0), maxAge.Milliseconds())) * time.Millisecond
}

// languageOf is that of the words on the glass: as configured, else the cashier's,
// else the store's, else English.
func languageOf(m machine.Machine, cfg Config) screen.Lang {
	for _, wanted := range []string{cfg.Language, m.Language, m.Display.Language} {
		if l := screen.Lang(wanted); slices.Contains(screen.Languages(), l) {
			return l
		}
	}
	return screen.English
}

// keypadOf is what the mode pulling shows; zero in any other.
func keypadOf(m machine.Machine, cfg Config) Keypad {
	if m.Mode != protocol.ModePulling {
		return Keypad{}
	}
	v := screen.View{Mode: m.Mode, Link: m.Link, Lang: languageOf(m, cfg)}
	keypadView(&v, m)
	return Keypad{Digits: v.Digits, Asking: v.Asking, Outcome: v.Pulled, Message: v.Message()}
}

// subjectOf is what the picture of m is about.
func subjectOf(m machine.Machine, cfg Config) subject {
	s := subject{
		Drawn:  machine.Drawn{Mode: m.Mode, PaymentID: m.Payment().PaymentID},
		keypad: keypadOf(m, cfg), lang: languageOf(m, cfg), muted: m.Muted,
	}
	if m.Mode == protocol.ModePresenting {
		s.payMode = m.Sale.Chosen
	}
	return s
}

// statusOf is what the terminal is doing; start is when its clock began.
func statusOf(m machine.Machine, cfg Config, start time.Time) Status {
	about := m.Payment()
	s := Status{
		Mode:                  m.Mode,
		PaymentID:             about.PaymentID,
		MerchantTransactionID: about.MerchantTransactionID,
		AmountPaise:           about.AmountPaise,
		OrderID:               about.OrderID,
		Waiting:               m.Waiting,
		Keypad:                keypadOf(m, cfg),
		Result:                resultOf(m),
		Reason:                m.Reason(),
		Link:                  m.Link,
		UpdateWaits:           m.Update.Wanted,
		Last:                  m.Last,
		Repeats:               m.Repeats,
		Language:              string(languageOf(m, cfg)),
		Muted:                 m.Muted,
		Late:                  m.Mode == protocol.ModeResult && m.Late,
		Since:                 start.Add(m.Since),
	}
	switch m.Mode {
	case protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting:
		// Rounded: every state that comes corrects it a little.
		s.Ends, s.ShortOrderID = start.Add(m.Sale.Ends.Round(time.Second)), m.Sale.ShortOrderID
	case protocol.ModeChecking:
		s.ShortOrderID = m.Sale.ShortOrderID
	}
	switch m.Mode {
	case protocol.ModeChoosing:
		s.Choices = [2]protocol.PayMode{protocol.PayDQR, protocol.PayCard}
	case protocol.ModePresenting, protocol.ModeChecking:
		s.PayMode = m.Sale.Chosen
	}
	return s
}

func resultOf(m machine.Machine) protocol.Outcome {
	if m.Mode != protocol.ModeResult {
		return ""
	}
	return m.Result.Outcome
}
