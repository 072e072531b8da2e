package screen

import (
	"image"
	"image/color"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// lowTime is when the time bar turns amber.
const lowTime = 30 * time.Second

// portrait draws one view, already checked, on an upright panel. Boxes, sizes
// and corners are those of 240x320; the grid puts them on the panel.
type portrait struct {
	*canvas
	View
	grid
}

// at is a box by its corner and size.
func at(x, y, w, h int) image.Rectangle { return image.Rect(x, y, x+w, y+h) }

func (p portrait) draw() {
	p.canvas.fill(p.dst.Rect, ground)
	switch p.Mode {
	case protocol.ModeStarting:
		p.starting()
	case protocol.ModeEnrolling:
		p.enrolling()
	case protocol.ModeOffline:
		p.offline()
	case protocol.ModeIdle:
		p.idle()
	case protocol.ModePulling:
		p.pulling()
	case protocol.ModePrompting:
		p.prompting()
	case protocol.ModeChoosing:
		p.choosing()
	case protocol.ModePresenting:
		if p.PayMode == protocol.PayCard {
			p.cardWanted()
		} else {
			p.presenting()
		}
	case protocol.ModeChecking:
		p.checking()
	case protocol.ModeResult:
		p.result()
	case protocol.ModeFault:
		p.fault()
	case protocol.ModeTesting:
		p.testing()
	case protocol.ModeUpdating:
		p.updating()
	}
}

// say is the text of a word in the view's language.
func (p portrait) say(w word, value ...any) string { return p.Lang.say(w, value...) }

// amount writes an amount: never cut, never broken (terminal-ux: Common rules).
func (p portrait) amount(box image.Rectangle, col color.RGBA, size int) {
	if p.AmountPaise > 0 {
		p.text(box, ink{color: col, size: size, min: 22, bold: true}, p.AmountPaise.String())
	}
}

// status is the line at the top: link, label, badges. offline is what stands
// beside the struck-out link.
func (p portrait) status(offline word) {
	if p.Link {
		p.icon(iconBars, 14, image.Pt(8, 3), ok)
		p.text(image.Rect(28, 0, p.badges()-4, 20), ink{color: muted, size: 14, align: alignLeft}, p.TerminalLabel)
		return
	}
	p.fill(image.Rect(0, 0, 240, 20), warn)
	p.icon(iconNoLink, 14, image.Pt(8, 3), black)
	p.text(image.Rect(28, 0, p.badges()-4, 20), ink{color: black, size: 14, bold: true, align: alignLeft}, p.say(offline))
}

// badges shows at the right of the top line what waits and that this is a test,
// and returns where they begin.
func (p portrait) badges() int {
	x := 236
	if p.silent() {
		p.icon(iconMuted, 16, image.Pt(x-17, 2), muted)
		x -= 20
	}
	badge := func(back, col color.RGBA, text string) {
		w := p.unscaled(p.fonts.width(style{true, p.scaled(14)}, text).Ceil()) + 10
		box := at(x-w, 1, w, 18)
		p.round(box, back)
		p.text(box, ink{color: col, size: 14, bold: true}, text)
		x -= w + 3
	}
	if p.Test {
		badge(info, black, p.say(wTest))
	}
	if text := p.waiting(); text != "" {
		badge(white, black, text)
	}
	return x
}

// spinner turns eight dots, 64 pixels wide.
func (p portrait) spinner(x, y int) {
	box := p.square(x, y, 64)
	p.canvas.spinner(box.Min, box.Dx(), p.Tick)
}

// starting: the name, and the steps with a tick on those that are done.
func (p portrait) starting() {
	p.badges()
	p.logo(72, 28)
	p.text(at(12, 132, 216, 34), ink{color: white, size: 26, bold: true}, p.say(wName))
	p.text(at(12, 164, 216, 22), ink{color: muted, size: 16}, p.say(wStarting))
	now := p.step()
	for i, s := range steps() {
		y := 200 + 30*i
		col, back := muted, raised
		switch {
		case i < now:
			back = ok
		case i == now:
			col, back = white, info
		}
		p.icon(iconDisc, 20, image.Pt(70, y), back)
		if i < now {
			p.icon(iconTick, 20, image.Pt(70, y), black)
		}
		p.text(at(102, y-3, 130, 26), ink{color: col, size: 18, min: 14, bold: i == now, align: alignLeft}, p.say(s.word))
	}
	p.version()
}

// logo is a plate with the rupee sign, 96 pixels wide.
func (p portrait) logo(x, y int) {
	box := p.square(x, y, 96)
	p.canvas.round(box, info)
	p.canvas.text(box, ink{color: black, size: box.Dx() * 68 / 96, bold: true}, "₹")
}

func (p portrait) version() {
	p.text(at(12, 296, 216, 20), ink{color: muted, size: 14}, p.Version)
}

// enrolling: the code to type, or only that it is under way.
func (p portrait) enrolling() {
	p.badges()
	if p.Code == "" {
		p.spinner(88, 76)
		p.text(at(12, 164, 216, 30), ink{color: white, size: 22, min: 16, bold: true}, p.say(wJoining))
		p.text(at(12, 196, 216, 22), ink{color: muted, size: 16, min: 14}, p.MerchantName)
	} else if p.QR != nil {
		p.enrolLink()
		return
	} else {
		p.text(at(12, 28, 216, 28), ink{color: white, size: 20, min: 16, bold: true}, p.say(wAddDevice))
		p.round(at(12, 76, 216, 60), raised)
		p.text(at(18, 76, 204, 60), ink{color: white, size: 34, min: 18, bold: true}, p.Code)
		p.text(at(12, 146, 216, 44), ink{color: muted, size: 16, min: 14, lines: 2}, p.say(wTypeCode))
		if p.Left > 0 {
			p.text(at(12, 196, 216, 22), ink{color: muted, size: 16, min: 14}, p.say(wCodeValid, clock(p.Left)))
		}
	}
	if p.Reason != "" {
		p.round(at(12, 228, 216, 56), raised)
		p.text(at(20, 230, 200, 30), ink{color: warn, size: 16, min: 14, bold: true}, p.say(wNotJoined))
		p.text(at(20, 256, 200, 24), ink{color: white, size: 14}, p.say(wCode, p.Reason))
	} else if p.Code == "" {
		p.text(at(12, 234, 216, 44), ink{color: muted, size: 16, min: 14, lines: 2}, p.say(wJoiningHint))
	}
	p.version()
}

// enrolLink: the code to type, or its link to scan.
func (p portrait) enrolLink() {
	p.text(at(12, 22, 216, 26), ink{color: white, size: 20, min: 16, bold: true}, p.say(wAddDevice))
	p.round(at(12, 52, 216, 46), raised)
	p.text(at(18, 52, 204, 46), ink{color: white, size: 30, min: 18, bold: true}, p.Code)
	p.qr(p.link(), p.QR)
	if p.Reason != "" {
		p.text(at(8, 254, 224, 22), ink{color: warn, size: 16, min: 14, bold: true}, p.say(wNotJoined))
	} else {
		p.text(at(8, 254, 224, 22), ink{color: muted, size: 16, min: 14}, p.say(wTypeCode))
	}
	if p.Left > 0 {
		p.text(at(12, 275, 216, 20), ink{color: muted, size: 16, min: 14}, p.say(wCodeValid, clock(p.Left)))
	}
	p.version()
}

// offline: no link and nothing on the glass that could be paid.
func (p portrait) offline() {
	p.fill(image.Rect(0, 0, 240, 64), warn)
	p.text(at(12, 20, 216, 40), ink{color: black, size: 28, min: 20, bold: true}, p.say(wNoInternet))
	p.badges()
	p.icon(iconNoLink, 80, image.Pt(80, 88), warn)
	p.text(at(12, 182, 216, 56), ink{color: white, size: 22, min: 16, bold: true, lines: 2}, p.say(wNoQR))
	p.text(at(12, 240, 216, 22), ink{color: muted, size: 16, min: 14}, p.say(wOfflineFor, clock(p.Since)))
	next := p.say(wTryingNow)
	if p.NextTry > 0 {
		next = p.say(wNextTry, clock(p.NextTry))
	}
	if why := p.reason(); why != "" {
		p.text(at(8, 258, 224, 38), ink{color: warn, size: 14, lines: 2}, why)
	} else {
		p.text(at(12, 264, 216, 22), ink{color: muted, size: 16, min: 14}, next)
	}
	p.text(at(12, 296, 216, 20), ink{color: muted, size: 14}, p.TerminalLabel)
}

// idle: whose till this is, and that it is ready.
func (p portrait) idle() {
	p.status(wOffline)
	p.text(at(12, 36, 216, 64), ink{color: white, size: 24, min: 18, bold: true, lines: 2}, p.MerchantName)
	p.icon(iconDisc, 88, image.Pt(76, 112), ok)
	p.icon(iconTick, 88, image.Pt(76, 112), black)
	p.text(at(12, 206, 216, 36), ink{color: white, size: 30, min: 20, bold: true}, p.say(wReady))
	hint := wReadyHint
	if p.MayPull {
		hint = wReadyPull
	}
	p.text(at(12, 240, 216, 24), ink{color: muted, size: 16, min: 14}, p.say(hint))
	if p.Last > 0 {
		p.fill(at(12, 274, 216, 1), raised)
		p.text(at(12, 282, 100, 28), ink{color: muted, size: 14, align: alignLeft}, p.say(wLast))
		p.text(at(112, 282, 116, 28), ink{color: white, size: 16, min: 14, bold: true, align: alignRight}, p.Last.String())
	}
}

// presenting: what the customer scans. Without a link the QR stays and says so:
// it can be paid, only this terminal hears of it late (failure matrix S5).
func (p portrait) presenting() {
	p.status(wOfflineQR)
	if p.large {
		p.payee()
	} else {
		p.amount(at(8, 20, 224, 44), white, 36)
	}
	p.qr(p.card(), p.QR)
	if p.Total > 0 {
		timer := p.timeBar(0, 290, 240)
		p.text(at(8, 294, 76, 26), ink{color: timer, size: 20, min: 16, bold: true, align: alignLeft}, clock(p.Left))
	}
	hint, col := p.say(wScan), white
	if !p.Link {
		hint, col = p.say(wResultLate), warn
	}
	p.text(at(84, 294, 148, 26), ink{color: col, size: 14, align: alignRight}, hint)
}

// checking: the QR is dead and the bank has not yet answered.
func (p portrait) checking() {
	p.status(wOffline)
	p.amount(at(8, 28, 224, 48), white, 40)
	if p.Lapsed {
		p.icon(iconClock, 80, image.Pt(80, 88), warn)
		p.text(at(8, 180, 224, 36), ink{color: white, size: 26, min: 18, bold: true}, p.say(wExpired))
		p.text(at(12, 218, 216, 44), ink{color: muted, size: 16, min: 14, lines: 2}, p.say(wNotTaken))
		p.text(at(12, 264, 216, 28), ink{color: white, size: 18, min: 14, bold: true}, p.say(wAskingTill))
		return
	}
	p.spinner(88, 96)
	p.text(at(8, 180, 224, 32), ink{color: white, size: 22, min: 16, bold: true}, p.say(wChecking))
	p.text(at(12, 214, 216, 26), ink{color: muted, size: 16, min: 14}, p.say(wCheckingHint))
	box := at(12, 256, 216, 44)
	p.round(box, warn)
	p.text(box.Inset(6), ink{color: black, size: 18, min: 14, bold: true}, p.say(wDoNotPayAgain))
}
