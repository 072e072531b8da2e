package screen

import (
	"image"
	"image/color"
	"strconv"

	"github.com/galla-pay/galla/protocol"
)

// The 480x320 landscape panels (terminal-ux: 320x480 portrait, Landscape). The
// card is 296, not the whole 304 of its column: no link of 33 to 718 bytes gets a
// larger pixel from the other 8, and beside it every amount fits at 22 pixels.
var (
	landscapeSize = image.Pt(480, 320)
	landscapeCard = image.Rect(2, 12, 298, 308)
	landscapeLink = image.Rect(12, 48, 252, 288)
)

// landscape draws one view, already checked, on a panel of 480x320.
type landscape struct {
	*canvas
	View
}

func (l landscape) draw() {
	s := l.scene()
	l.fill(l.dst.Rect, s.tone.back())
	words := image.Rect(176, 32, 472, 316)
	switch {
	case l.Mode == protocol.ModePresenting && l.PayMode != protocol.PayCard:
		l.presenting(s)
		return
	case l.Mode == protocol.ModePrompting:
		l.prompting(s)
		return
	case l.Mode == protocol.ModeChoosing:
		l.choosing(s)
		return
	case l.Mode == protocol.ModePulling:
		l.pulling(s)
		return
	case l.Mode == protocol.ModeTesting:
		l.testing()
		return
	case l.Mode == protocol.ModeEnrolling && l.QR != nil:
		l.badges(476, 2)
		l.qr(landscapeLink, l.QR)
		l.stack(image.Rect(262, 30, 474, 316), l.items(s))
		return
	case s.band != "":
		words.Min.Y = 68
		l.banner(s)
	case s.tone == toneCalm && !l.bare():
		l.status(image.Rect(0, 0, 480, 28), wOffline)
	default:
		l.badges(476, 2)
	}
	if s.tone == toneBad {
		// White and red are too close for an amount: the words have a dark card.
		words = image.Rect(172, 32, 472, 312)
		l.round(words, ground)
		words = words.Inset(8)
	}
	if s.art == artNone {
		words.Min.X = 8
	} else {
		l.art(s.art, image.Rect(8, words.Min.Y, 168, words.Max.Y))
	}
	if l.Mode == protocol.ModeStarting {
		words.Max.Y = 316 - l.steps(s, words)
	}
	l.stack(words, l.items(s))
	if l.Mode == protocol.ModePresenting && l.Total > 0 {
		l.timeBar(image.Rect(0, 315, 480, 320), l.View)
	}
}

// back is the ground of a whole picture.
func (t tone) back() color.RGBA {
	switch t {
	case toneGood:
		return ok
	case toneBad:
		return bad
	}
	return ground
}

// items are the rows in the letters of this panel.
func (l landscape) items(s scene) []item {
	strong, soft := white, muted
	if s.tone == toneGood {
		strong, soft = black, black
	}
	timer := white
	if l.Left < lowTime {
		timer = warn
	}
	var all []item
	for _, r := range s.rows {
		it := item{text: r.text, gap: 6}
		switch r.part {
		case partTitle:
			it.ink = ink{color: strong, size: 36, min: 20, bold: true, lines: 2}
		case partAmount:
			it.ink = ink{color: strong, size: 48, min: 22, bold: true}
		case partCode:
			it.ink, it.back, it.pad = ink{color: white, size: 48, min: 22, bold: true}, raised, 8
		case partNote:
			it.ink = ink{color: soft, size: 20, min: 16, lines: 2}
		case partNext:
			it.ink = ink{color: strong, size: 24, min: 16, bold: true, lines: 2}
		case partAlert:
			it.ink, it.back, it.pad = ink{color: black, size: 24, min: 16, bold: true, lines: 2}, warn, 6
		case partTime:
			it.ink = ink{color: timer, size: 28, bold: true}
		case partFoot:
			it.ink = ink{color: soft, size: 18, min: 16, tail: true}
		case partDone, partNow, partLater:
			continue // they have their own place
		}
		all = append(all, it)
	}
	return all
}

// banner is the top of a picture that says nothing else is possible.
func (l landscape) banner(s scene) {
	back := warn
	if s.art == artFault {
		back = bad
	}
	l.fill(image.Rect(0, 0, 480, 64), back)
	l.text(image.Rect(12, 4, l.badges(476, 2)-8, 60), ink{color: black, size: 36, min: 22, bold: true}, l.Lang.say(s.band))
}

// status is the line at the top, at the left of the badges.
func (l landscape) status(box image.Rectangle, offline word) {
	right := box.Max.X
	if box.Dx() > 200 {
		right = l.badgesFrom(box.Max.X - 4)
	}
	words := image.Rect(box.Min.X+36, box.Min.Y, right-4, box.Max.Y)
	if l.Link {
		l.icon(iconBars, 20, box.Min.Add(image.Pt(8, 4)), ok)
		l.text(words, ink{color: muted, size: 18, min: 16, align: alignLeft}, l.TerminalLabel)
	} else {
		l.fill(box, warn)
		l.icon(iconNoLink, 20, box.Min.Add(image.Pt(8, 4)), black)
		l.text(words, ink{color: black, size: 18, min: 16, bold: true, align: alignLeft}, l.Lang.say(offline))
	}
	if box.Dx() > 200 {
		l.badges(box.Max.X-4, box.Min.Y+2)
	}
}

// steps shows at the end of a box the steps of the start, with a tick on those
// that are done, and returns how high that is.
func (l landscape) steps(s scene, box image.Rectangle) int {
	const each = 32
	var all []row
	for _, r := range s.rows {
		switch r.part {
		case partDone, partNow, partLater:
			all = append(all, r)
		}
	}
	y := box.Max.Y - each*len(all)
	for _, r := range all {
		back, col := raised, muted
		switch r.part {
		case partDone:
			back = ok
		case partNow:
			back, col = info, white
		}
		l.icon(iconDisc, 24, image.Pt(box.Min.X+70, y+4), back)
		if r.part == partDone {
			l.icon(iconTick, 24, image.Pt(box.Min.X+70, y+4), black)
		}
		l.text(image.Rect(box.Min.X+106, y, box.Max.X, y+each), ink{color: col, size: 22, min: 16, bold: r.part == partNow, align: alignLeft}, r.text)
		y += each
	}
	return each*len(all) + 8
}

// badge is a word on a plate in the top line.
type badge struct {
	back color.RGBA
	text string
}

func (l landscape) badgeList() []badge {
	var all []badge
	if l.Test {
		all = append(all, badge{info, l.Lang.say(wTest)})
	}
	if text := l.waiting(); text != "" {
		all = append(all, badge{white, text})
	}
	return all
}

// badgesFrom is where the badges begin that end at x.
func (l landscape) badgesFrom(x int) int {
	if l.silent() {
		x -= 28
	}
	for _, b := range l.badgeList() {
		x -= l.badgeWidth(b) + 4
	}
	return x
}

func (l landscape) badgeWidth(b badge) int { return l.fonts.width(style{true, 18}, b.text).Ceil() + 14 }

// badges shows at the right, to x, what waits and that this is a test, and
// returns where they begin.
func (l landscape) badges(x, y int) int {
	if l.silent() {
		l.icon(iconMuted, 22, image.Pt(x-24, y+1), muted)
		x -= 28
	}
	for _, b := range l.badgeList() {
		w := l.badgeWidth(b)
		box := at(x-w, y, w, 24)
		l.round(box, b.back)
		l.text(box, ink{color: black, size: 18, bold: true}, b.text)
		x -= w + 4
	}
	return x
}

// art is the sign of a state, in the middle of a box.
func (l landscape) art(a art, box image.Rectangle) {
	l.sign(a, box, 144, l.Tick)
}

// presenting: the QR, and beside it all that there is to say.
func (l landscape) presenting(s scene) {
	l.qr(landscapeCard, l.QR)
	l.status(image.Rect(300, 0, 480, 28), wOfflineQR)
	top := 32
	if len(l.badgeList()) > 0 {
		l.badges(474, 34)
		top = 62
	}
	l.stack(image.Rect(302, top, 478, 300), l.items(s))
	if l.Total > 0 {
		l.timeBar(image.Rect(302, 306, 478, 312), l.View)
	}
}

// prompting: what is asked above the two keys.
func (l landscape) prompting(s scene) {
	l.status(image.Rect(0, 0, 480, 28), wOffline)
	items := l.items(s)
	// The amount on the left, what tells the bill on the right.
	cut := 2
	l.stack(image.Rect(8, 32, 252, 216), items[:cut])
	l.stack(image.Rect(260, 32, 472, 216), items[cut:])
	if l.Total > 0 {
		l.timeBar(image.Rect(12, 222, 468, 228), l.View)
	}
	no, yes := at(12, 236, 222, 76), at(246, 236, 222, 76)
	l.round(no, bad)
	l.round(no.Inset(4), ground)
	l.icon(iconCross, 44, no.Min.Add(image.Pt(12, 16)), bad)
	l.text(image.Rect(no.Min.X+60, no.Min.Y+6, no.Max.X-8, no.Max.Y-6), ink{color: white, size: 28, min: 16, bold: true}, l.Lang.say(wReject))
	l.round(yes, ok)
	l.icon(iconTick, 44, yes.Min.Add(image.Pt(12, 16)), black)
	l.text(image.Rect(yes.Min.X+60, yes.Min.Y+6, yes.Max.X-8, yes.Max.Y-6), ink{color: black, size: 28, min: 16, bold: true}, l.Lang.say(wAccept))
}

// choosing: two ways beside each other.
func (l landscape) choosing(s scene) {
	l.status(image.Rect(0, 0, 480, 28), wOffline)
	items := l.items(s)
	l.stack(image.Rect(12, 32, 340, 100), items[:1])
	l.stack(image.Rect(348, 32, 468, 100), items[1:])
	for i, c := range l.choices() {
		box := at(12+234*i, 104, 222, 176)
		l.round(box, raised)
		l.round(at(box.Min.X+16, box.Min.Y+16, 56, 56), info)
		l.text(at(box.Min.X+16, box.Min.Y+16, 56, 56), ink{color: black, size: 36, bold: true}, strconv.Itoa(i+1))
		l.icon(c.icon, 96, box.Min.Add(image.Pt(98, 16)), white)
		l.text(image.Rect(box.Min.X+8, box.Min.Y+120, box.Max.X-8, box.Max.Y-8), ink{color: white, size: 34, min: 20, bold: true}, l.Lang.say(c.word))
	}
	l.text(image.Rect(12, 282, 468, 312), ink{color: muted, size: 20, min: 16}, l.Lang.say(wChooseReject))
	if l.Total > 0 {
		l.timeBar(image.Rect(0, 314, 480, 320), l.View)
	}
}

// pulling: the number on the left, what came of it on the right.
func (l landscape) pulling(s scene) {
	l.status(image.Rect(0, 0, 480, 28), wOffline)
	says := l.Message()
	words := image.Rect(90, 32, 390, 316)
	if says != "" {
		words = image.Rect(8, 32, 248, 316)
		back, col := raised, white
		if !l.Asking || !l.Link {
			back, col = warn, black
		}
		box := image.Rect(256, 72, 472, 276)
		l.round(box, back)
		l.text(box.Inset(10), ink{color: col, size: 28, min: 18, bold: true, lines: 5}, says)
	}
	l.stack(words, l.items(s))
}
