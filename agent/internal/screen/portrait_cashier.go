package screen

import (
	"image"
	"image/color"
	"strconv"
)

// The pictures that ask the cashier or the customer for something (terminal-ux:
// CONFIRM, CHOOSE, CARD, PULL). Keys are beside the glass.

// timeBar is how much of the sale's time is left, from x to x+w; it is amber when
// little is. It returns the colour of the minutes beside it.
func (p portrait) timeBar(x, y, w int) color.RGBA {
	return p.canvas.timeBar(p.box(at(x, y, w, 4)), p.View)
}

// bill writes which bill it is: by the number that it was pulled by, if it was,
// and by the till's own.
func (p portrait) bill(y int) {
	if p.ShortOrderID != "" {
		p.text(at(12, y, 216, 28), ink{color: white, size: 20, bold: true}, p.say(wBill, p.ShortOrderID))
		y += 28
	}
	p.order(at(12, y, 216, 22), muted)
}

// prompting: take this bill or not.
func (p portrait) prompting() {
	if p.large {
		p.takeIt()
		return
	}
	p.status(wOffline)
	p.text(at(12, 24, 216, 24), ink{color: muted, size: 16}, p.say(wNewBill))
	p.amount(at(8, 48, 224, 52), white, 40)
	p.bill(102)
	if p.Total > 0 {
		col := p.timeBar(12, 164, 216)
		p.text(at(12, 170, 216, 28), ink{color: col, size: 20, bold: true}, clock(p.Left))
	}
	p.text(at(12, 204, 216, 28), ink{color: white, size: 18, min: 14}, p.say(wTakeIt))
	no, yes := at(8, 240, 108, 72), at(124, 240, 108, 72)
	p.round(no, bad)
	p.round(no.Inset(3), ground)
	p.icon(iconCross, 32, image.Pt(46, 244), bad)
	p.text(at(12, 276, 100, 32), ink{color: white, size: 20, min: 14, bold: true}, p.say(wReject))
	p.round(yes, ok)
	p.icon(iconTick, 32, image.Pt(162, 244), black)
	p.text(at(128, 276, 100, 32), ink{color: black, size: 20, min: 14, bold: true}, p.say(wAccept))
}

// choice is one way to pay: its key is its place, from 1.
type choice struct {
	icon iconName
	word word
}

// choices are the ways to pay, in the order of their keys.
func (v View) choices() [2]choice { return [2]choice{{iconQR, wByQR}, {iconCard, wByCard}} }

// choosing: by QR or by card.
func (p portrait) choosing() {
	if p.large {
		p.choose()
		return
	}
	p.status(wOffline)
	p.amount(at(8, 24, 224, 44), white, 36)
	for i, row := range p.choices() {
		y := 72 + 112*i
		p.round(at(8, y, 224, 104), raised)
		p.round(at(20, y+32, 40, 40), info)
		p.text(at(20, y+32, 40, 40), ink{color: black, size: 26, bold: true}, strconv.Itoa(i+1))
		p.icon(row.icon, 56, image.Pt(72, y+24), white)
		p.text(at(136, y+20, 92, 64), ink{color: white, size: 26, min: 18, bold: true, lines: 2}, p.say(row.word))
	}
	if p.Total > 0 {
		col := p.timeBar(0, 292, 240)
		p.text(at(8, 297, 76, 22), ink{color: col, size: 16, bold: true, align: alignLeft}, clock(p.Left))
	}
	p.text(at(84, 297, 148, 22), ink{color: muted, size: 14, align: alignRight}, p.say(wChooseReject))
}

// cardWanted: what the customer does at the card machine.
func (p portrait) cardWanted() {
	p.status(wOffline)
	p.amount(at(8, 24, 224, 48), white, 40)
	p.icon(iconCard, 120, image.Pt(60, 76), info)
	p.text(at(12, 200, 216, 56), ink{color: white, size: 22, min: 18, bold: true, lines: 2}, p.say(wTapCard))
	p.text(at(12, 258, 216, 24), ink{color: muted, size: 16, min: 14}, p.say(wOnMachine))
	if p.Total > 0 {
		col := p.timeBar(0, 290, 240)
		p.text(at(8, 294, 224, 26), ink{color: col, size: 20, min: 16, bold: true}, clock(p.Left))
	}
}

// pulling: the short order id as it is typed, and what came of asking for it.
func (p portrait) pulling() {
	p.status(wOffline)
	p.text(at(12, 28, 216, 30), ink{color: white, size: 20, min: 16, bold: true}, p.say(wPullTitle))
	p.round(at(12, 62, 216, 64), raised)
	p.text(at(18, 62, 204, 64), ink{color: white, size: 40, min: 34, bold: true}, p.Digits)
	p.text(at(12, 130, 216, 24), ink{color: muted, size: 16, min: 14}, p.say(wPullDigits))
	if says := p.Message(); says != "" {
		back, col := raised, white
		if !p.Asking || !p.Link {
			back, col = warn, black
		}
		p.round(at(12, 160, 216, 92), back)
		p.text(at(20, 162, 200, 88), ink{color: col, size: 20, min: 14, bold: true, lines: 4}, says)
	}
	p.text(at(12, 262, 216, 26), ink{color: white, size: 16, min: 14}, p.say(wPullOK))
	p.text(at(12, 288, 216, 26), ink{color: muted, size: 16, min: 14}, p.say(wPullClear))
}

// unknown: the terminal is free, but nobody knows whether the customer has paid
// (failure matrix R13).
func (p portrait) unknown() {
	p.status(wOffline)
	p.icon(iconDisc, 88, image.Pt(76, 32), warn)
	p.icon(iconBang, 88, image.Pt(76, 32), black)
	p.text(at(8, 126, 224, 36), ink{color: white, size: 26, min: 18, bold: true}, p.say(wUnknown))
	p.amount(at(8, 162, 224, 40), white, 30)
	p.text(at(12, 202, 216, 44), ink{color: muted, size: 16, min: 14, lines: 2}, p.say(wUnknownHint))
	box := at(12, 248, 216, 42)
	p.round(box, warn)
	p.text(box.Inset(6), ink{color: black, size: 18, min: 14, bold: true}, p.say(wDoNotPayAgain))
	p.order(at(12, 296, 216, 20), muted)
}
