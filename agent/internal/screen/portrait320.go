package screen

import (
	"image"
	"strconv"
)

// What 320x480 shows otherwise than 240x320 made larger (terminal-ux: 320x480
// portrait): there is room to say whose bill it is beside the QR, and the keys'
// pictures are larger. Coordinates are the panel's own. The keys themselves are
// beside the glass, so no keypad is drawn on it.

// payee is the amount, and below it the bill or else the merchant.
func (p portrait) payee() {
	p.canvas.text(at(8, 28, 304, 60), ink{color: white, size: 48, min: 22, bold: true}, p.AmountPaise.String())
	whose := p.MerchantName
	if p.ShortOrderID != "" {
		whose = p.say(wBill, p.ShortOrderID)
	}
	p.canvas.text(at(8, 88, 304, 26), ink{color: muted, size: 20, min: 16}, whose)
}

// takeIt is the picture of a prompt.
func (p portrait) takeIt() {
	p.status(wOffline)
	p.canvas.text(at(12, 36, 296, 36), ink{color: muted, size: 22}, p.say(wNewBill))
	p.canvas.text(at(8, 76, 304, 80), ink{color: white, size: 64, min: 22, bold: true}, p.AmountPaise.String())
	y := 160
	if p.ShortOrderID != "" {
		p.canvas.text(at(12, y, 296, 36), ink{color: white, size: 28, min: 20, bold: true}, p.say(wBill, p.ShortOrderID))
		y += 38
	}
	if p.OrderID != "" {
		p.canvas.text(at(12, y, 296, 28), ink{color: muted, size: 18, tail: true}, p.say(wOrder, p.OrderID))
	}
	if p.Total > 0 {
		col := p.timeBar(12, 173, 216)
		p.canvas.text(at(12, 280, 296, 36), ink{color: col, size: 28, bold: true}, clock(p.Left))
	}
	p.canvas.text(at(12, 318, 296, 36), ink{color: white, size: 24, min: 16}, p.say(wTakeIt))
	no, yes := at(12, 360, 142, 100), at(166, 360, 142, 100)
	p.canvas.round(no, bad)
	p.canvas.round(no.Inset(4), ground)
	p.canvas.icon(iconCross, 44, no.Min.Add(image.Pt(49, 6)), bad)
	p.canvas.text(at(18, 410, 130, 44), ink{color: white, size: 28, min: 16, bold: true}, p.say(wReject))
	p.canvas.round(yes, ok)
	p.canvas.icon(iconTick, 44, yes.Min.Add(image.Pt(49, 6)), black)
	p.canvas.text(at(172, 410, 130, 44), ink{color: black, size: 28, min: 16, bold: true}, p.say(wAccept))
}

// choose is the picture of choosing.
func (p portrait) choose() {
	p.status(wOffline)
	p.canvas.text(at(8, 34, 304, 76), ink{color: white, size: 52, min: 22, bold: true}, p.AmountPaise.String())
	for i, row := range p.choices() {
		y := 116 + 144*i
		p.canvas.round(at(12, y, 296, 132), raised)
		p.canvas.round(at(28, y+38, 56, 56), info)
		p.canvas.text(at(28, y+38, 56, 56), ink{color: black, size: 36, bold: true}, strconv.Itoa(i+1))
		p.canvas.icon(row.icon, 80, image.Pt(98, y+26), white)
		p.canvas.text(at(188, y+20, 112, 92), ink{color: white, size: 34, min: 20, bold: true, lines: 2}, p.say(row.word))
	}
	if p.Total > 0 {
		col := p.timeBar(0, 290, 240)
		p.canvas.text(at(12, 442, 116, 36), ink{color: col, size: 28, min: 22, bold: true, align: alignLeft}, clock(p.Left))
	}
	p.canvas.text(at(132, 442, 176, 36), ink{color: muted, size: 18, min: 16, align: alignRight}, p.say(wChooseReject))
}
