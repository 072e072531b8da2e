package agent

import (
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

// pictureOf is what is to be on the glass at now. Times are rounded, so that it
// changes only when the picture does.
func pictureOf(m machine.Machine, cfg Config, now time.Duration) picture {
	about := m.Payment()
	p := picture{
		of: machine.Drawn{Mode: m.Mode, PaymentID: about.PaymentID},
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
		},
	}
	if p.view.TerminalLabel == "" {
		p.view.TerminalLabel = cfg.Identity.TerminalID
	}
	switch m.Mode {
	case protocol.ModePresenting:
		p.qr = m.Sale.QR
		p.view.Total = m.Sale.Total
		p.view.Left = (m.Left(now) + barEvery - 1).Truncate(barEvery)
	case protocol.ModeChecking, protocol.ModeEnrolling:
		p.view.Tick = int((now - m.Since) / spinnerEvery)
	case protocol.ModeOffline:
		p.view.Since = (now - m.Since).Truncate(barEvery)
	case protocol.ModeResult:
		p.view.Outcome, p.view.Reference = m.Result.Outcome, m.Result.Reference
	}
	return p
}

// nextPicture is when pictureOf changes by itself; 0: it does not.
func nextPicture(m machine.Machine, now time.Duration) time.Duration {
	switch m.Mode {
	case protocol.ModePresenting:
		// The bar changes when a whole number of seconds is left.
		if rest := m.Left(now) % barEvery; rest > 0 {
			return now + rest
		}
		return now + barEvery
	case protocol.ModeChecking, protocol.ModeEnrolling:
		return now + spinnerEvery - (now-m.Since)%spinnerEvery
	case protocol.ModeOffline:
		return now + barEvery - (now-m.Since)%barEvery
	}
	return 0
}

// statusOf is what the terminal is doing; start is when its clock began.
func statusOf(m machine.Machine, start time.Time) Status {
	about := m.Payment()
	return Status{
		Mode:                  m.Mode,
		PaymentID:             about.PaymentID,
		MerchantTransactionID: about.MerchantTransactionID,
		AmountPaise:           about.AmountPaise,
		Result:                resultOf(m),
		Reason:                m.Reason(),
		Link:                  m.Link,
		Since:                 start.Add(m.Since),
	}
}

func resultOf(m machine.Machine) protocol.Outcome {
	if m.Mode != protocol.ModeResult {
		return ""
	}
	return m.Result.Outcome
}
