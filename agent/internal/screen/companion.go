package screen

import (
	"image"
	"slices"

	"github.com/galla-pay/galla/protocol"
)

// The 128x64 panels of one bit (terminal-ux: 128x64 OLED). Such a panel stands
// beside another that the customer scans: its modules would be far too small, so
// it has no card and never shows a payment's QR.
var companionSize = image.Pt(128, 64)

// companion is the layout: a top line, one big thing, a line below.
type companion struct{ mono }

func (c companion) draw() {
	s := c.scene()
	if s.tone == toneGood {
		c.mono = c.inverted()
	}
	c.fill(c.dst.Rect, c.back)
	c.top(s)
	body := image.Rect(2, 14, 126, 64)
	switch c.Mode {
	case protocol.ModePrompting:
		c.text(image.Rect(2, 14, 126, 43), ink{color: c.fore, size: 24, min: 14, bold: true}, c.AmountPaise.String())
		c.bar(image.Rect(0, 44, 128, 47))
		c.pair("× "+c.Lang.say(wReject), c.Lang.say(wAccept)+" »")
	case protocol.ModeChoosing:
		c.text(image.Rect(2, 14, 126, 43), ink{color: c.fore, size: 24, min: 14, bold: true}, c.AmountPaise.String())
		c.bar(image.Rect(0, 44, 128, 47))
		ways := c.choices()
		c.pair("1 "+c.Lang.say(ways[0].word), "2 "+c.Lang.say(ways[1].word))
	case protocol.ModePresenting:
		c.text(image.Rect(2, 14, 126, 43), ink{color: c.fore, size: 24, min: 14, bold: true}, c.AmountPaise.String())
		c.bar(image.Rect(0, 44, 128, 47))
		hint := c.Lang.say(wScanElsewhere)
		if c.PayMode == protocol.PayCard {
			hint = c.Lang.say(wTapCard)
		}
		c.text(image.Rect(2, 48, 126, 64), ink{color: c.fore, size: 12, min: 10}, hint)
	case protocol.ModePulling:
		c.text(image.Rect(2, 14, 126, 34), ink{color: c.fore, size: 16, min: 14, bold: true}, c.Digits)
		says := c.Message()
		if says == "" {
			says = c.Lang.say(wPullOK)
		}
		c.text(image.Rect(2, 34, 126, 64), ink{color: c.fore, size: 12, min: 10, lines: 2}, says)
	default:
		c.stack(body, c.roomFor(body, c.items(s, companionLetters)))
	}
}

// roomFor leaves out what an area cannot hold: hints from the last on, never what
// is so, an amount or a warning.
func (c companion) roomFor(area image.Rectangle, items []item) []item {
	for last := len(items) - 1; last >= 0 && !c.holdsAll(area, items); last-- {
		if k := items[last].ink; !k.bold {
			items = slices.Delete(items, last, last+1)
		}
	}
	return items
}

// companionLetters are the letters of each part; no numbers that are long.
func companionLetters(p part) (ink, bool) {
	switch p {
	case partTitle:
		return ink{size: 18, min: 12, bold: true, lines: 2}, true
	case partAmount:
		return ink{size: 22, min: 14, bold: true}, true
	case partCode:
		return ink{size: 20, min: 14, bold: true}, true
	case partNote:
		return ink{size: 11, min: 10, lines: 3}, true
	case partNow, partAlert:
		return ink{size: 13, min: 10, bold: true, lines: 2}, true
	case partNext:
		return ink{size: 12, min: 10, lines: 2}, true
	}
	return ink{}, false
}

// top is the line of what this is about: the state, or the terminal; at the
// right the badges and the time left.
func (c companion) top(s scene) {
	right := c.badges(128, 0, 11)
	if c.Total > 0 {
		switch c.Mode {
		case protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting:
			left := clock(c.Left)
			w := c.fonts.width(style{true, 12}, left).Ceil()
			c.text(image.Rect(right-w-2, 0, right-1, 14), ink{color: c.fore, size: 12, bold: true}, left)
			right -= w + 4
		}
	}
	switch {
	case !c.Link && !c.bare() && c.Mode != protocol.ModeFault:
		c.icon(iconNoLink, 12, image.Pt(1, 1), c.fore)
	case s.art == artPaid, s.art == artFailed, s.art == artExpired, s.art == artStopped, s.art == artDoubt, s.art == artFault:
		c.sign(s.art, at(1, 1, 12, 12))
	case c.Link:
		c.icon(iconBars, 12, image.Pt(1, 1), c.fore)
	}
	about := c.TerminalLabel
	switch {
	case s.band != "":
		about = c.Lang.say(s.band)
	case !c.Link && (c.Mode == protocol.ModeIdle || c.Mode == protocol.ModePulling):
		about = c.Lang.say(wOffline)
	case c.Mode == protocol.ModePrompting:
		about = c.Lang.say(wNewBill)
		if c.ShortOrderID != "" {
			about = c.Lang.say(wBill, c.ShortOrderID)
		}
	case c.Mode == protocol.ModePresenting:
		about = c.Lang.say(wToPay)
	case c.Mode == protocol.ModeTesting:
		about = c.Lang.say(wTesting)
	}
	// Half a word would say less than none: the rest of the picture says it too.
	box, k := image.Rect(16, 0, right-2, 14), ink{color: c.fore, size: 12, min: 10, lines: 1, align: alignLeft}
	if _, _, all := c.fit(box, k, c.readable(about)); all {
		c.text(box, k, about)
	}
}

// pair is a line of two keys, as they are beside each other.
func (c companion) pair(left, right string) {
	c.text(image.Rect(1, 48, 63, 64), ink{color: c.fore, size: 12, min: 10, bold: true, align: alignLeft}, left)
	c.text(image.Rect(65, 48, 127, 64), ink{color: c.fore, size: 12, min: 10, bold: true, align: alignRight}, right)
}
