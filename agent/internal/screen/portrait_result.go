package screen

import (
	"image"
	"image/color"

	"github.com/galla-pay/galla/protocol"
)

// result: how the payment ended.
func (p portrait) result() {
	switch p.Outcome {
	case protocol.OutcomeSucceeded:
		p.succeeded()
	case protocol.OutcomeFailed:
		p.failed()
	case protocol.OutcomeExpired:
		p.ended(iconClock, warn, p.say(wExpired), p.say(wExpiredHint), p.say(wNewQR))
	case protocol.OutcomeUnknown:
		p.unknown()
	case protocol.OutcomeCancelled:
		p.ended(iconBar, muted, p.say(wCancelled), p.reason(), "")
	}
}

// succeeded fills the glass with green: it is read from across the counter.
func (p portrait) succeeded() {
	p.canvas.fill(p.dst.Rect, ok)
	badges := p.badges()
	if p.Late {
		p.text(image.Rect(8, 1, badges-4, 19), ink{color: black, size: 14, bold: true, align: alignLeft}, p.say(wLate))
	}
	p.icon(iconDisc, 112, image.Pt(64, 28), black)
	p.icon(iconTick, 112, image.Pt(64, 28), ok)
	p.text(at(12, 148, 216, 48), ink{color: black, size: 40, min: 26, bold: true}, p.say(wPaid))
	p.amount(at(8, 200, 224, 50), black, 42)
	if p.Reference != "" {
		p.text(at(12, 256, 216, 24), ink{color: black, size: 16, min: 14}, p.say(wReference, p.Reference))
	}
	p.order(at(12, 290, 216, 22), black)
}

// failed fills the glass with red. White and red are too close for an amount,
// so that has a dark card.
func (p portrait) failed() {
	p.canvas.fill(p.dst.Rect, bad)
	p.badges()
	p.icon(iconDisc, 88, image.Pt(76, 26), black)
	p.icon(iconCross, 88, image.Pt(76, 26), bad)
	p.text(at(8, 120, 224, 40), ink{color: black, size: 26, min: 18, bold: true}, p.say(wFailed))
	p.round(at(8, 164, 224, 106), ground)
	p.amount(at(16, 168, 208, 42), white, 32)
	why, code := p.reason(), reasonCode(p.Reason)
	words, below := at(16, 208, 208, 58), at(16, 248, 208, 20)
	switch {
	case why == "":
		below = words
	case code != "":
		words.Max.Y = below.Min.Y + 2
	}
	p.text(words, ink{color: white, size: 18, min: 14, lines: 2}, why)
	if code != "" {
		p.text(below, ink{color: muted, size: 14}, p.say(wCode, code))
	}
	p.text(at(8, 276, 224, 38), ink{color: black, size: 18, min: 14, bold: true}, p.say(wNewQR))
}

// ended is a quiet end: nobody was charged.
func (p portrait) ended(icon iconName, col color.RGBA, title, why, next string) {
	p.status(wOffline)
	p.icon(icon, 96, image.Pt(72, 40), col)
	p.text(at(8, 146, 224, 40), ink{color: white, size: 26, min: 18, bold: true}, title)
	p.amount(at(8, 186, 224, 40), white, 30)
	p.text(at(12, 224, 216, 40), ink{color: muted, size: 16, min: 14, lines: 2}, why)
	if next != "" {
		p.text(at(12, 262, 216, 28), ink{color: white, size: 18, min: 14, bold: true}, next)
	}
	p.order(at(12, 296, 216, 20), muted)
}

// fault: what is broken and what to do about it.
func (p portrait) fault() {
	p.fill(image.Rect(0, 0, 240, 64), bad)
	p.text(at(12, 20, 216, 40), ink{color: black, size: 28, min: 20, bold: true}, p.say(wFault))
	p.badges()
	p.icon(iconDisc, 72, image.Pt(84, 80), bad)
	p.icon(iconBang, 72, image.Pt(84, 80), black)
	title, code := p.reason(), reasonCode(p.Reason)
	if title == "" {
		title = p.say(wService)
	}
	p.text(at(8, 156, 224, 54), ink{color: white, size: 24, min: 18, bold: true, lines: 2}, title)
	p.text(at(12, 212, 216, 54), ink{color: muted, size: 18, min: 14, lines: 3}, p.say(fixWord(p.Reason)))
	if code != "" {
		p.text(at(12, 268, 216, 22), ink{color: muted, size: 16, min: 14}, p.say(wCode, code))
	}
	p.version()
}

// order shows the till's own number, if there is one; its end tells it apart.
func (p portrait) order(box image.Rectangle, col color.RGBA) {
	if p.OrderID != "" {
		p.text(box, ink{color: col, size: 14, tail: true}, p.say(wOrder, p.OrderID))
	}
}
