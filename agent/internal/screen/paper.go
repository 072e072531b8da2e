package screen

import (
	"image"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// The 122x250 e-paper (terminal-ux: E-paper). A module of 3 pixels is the least
// that can be read here, so a link may have 53 bytes; longer ones are refused by
// EncodeQR, and the payment ends with the words for that. An amount has 122
// pixels: up to 99,999.99 it is 22 high, the largest is 15.
var (
	paperSize = image.Pt(122, 250)
	paperCard = image.Rect(0, 64, 122, 186)
	paperLink = paperCard
)

// paperStep is how often what counts down changes: a refresh takes its time and
// wears the paper.
const paperStep = 15 * time.Second

// paper is the layout.
type paper struct{ mono }

// newPaper makes what moves move seldom: times are those of the step that has
// begun, never more than the whole, and nothing turns.
func newPaper(c *canvas, v View) paper {
	const most = 1000 * time.Hour
	up := func(d time.Duration) time.Duration {
		return (min(max(d, 0), most) + paperStep - 1) / paperStep * paperStep
	}
	v.Left = min(up(v.Left), max(v.Left, v.Total))
	v.NextTry = up(v.NextTry)
	v.Since = v.Since.Truncate(time.Minute)
	v.Tick = 0
	return paper{mono{c, v, black, white}}
}

func (p paper) draw() {
	s := p.scene()
	for i, r := range s.rows {
		// Codes are longer than the paper is wide: they may break.
		if r.part == partNote {
			s.rows[i].text = strings.ReplaceAll(r.text, "_", "_ ")
		}
	}
	if s.tone == toneGood {
		p.mono = p.inverted()
	}
	p.fill(p.dst.Rect, p.back)
	body := image.Rect(3, 20, 119, 248)
	switch {
	case p.Mode == protocol.ModePresenting && p.PayMode != protocol.PayCard:
		p.presenting()
		return
	case p.Mode == protocol.ModePrompting:
		p.prompting(s)
		return
	case p.Mode == protocol.ModeChoosing:
		p.choosing()
		return
	case p.Mode == protocol.ModePulling:
		p.pulling(s)
		return
	case p.Mode == protocol.ModeTesting:
		p.testing()
		return
	case p.Mode == protocol.ModeEnrolling && p.QR != nil:
		p.enrolLink()
		return
	case s.band != "":
		p.fill(image.Rect(0, 0, 122, 46), p.fore)
		p.inverted().badges(121, 1, 13)
		p.text(image.Rect(3, 17, 119, 45), ink{color: p.back, size: 20, min: 14, bold: true}, p.Lang.say(s.band))
		body.Min.Y = 48
	case s.tone == toneCalm && !p.bare():
		p.status(wOffline)
	default:
		p.badges(121, 1, 13)
	}
	if s.art != artNone {
		p.sign(s.art, image.Rect(25, body.Min.Y+2, 97, body.Min.Y+62))
		body.Min.Y += 66
	}
	p.stack(body, p.items(s, paperLetters))
	if p.Mode == protocol.ModePresenting {
		p.bar(image.Rect(0, 245, 122, 250))
	}
}

// paperLetters are the letters of each part.
func paperLetters(p part) (ink, bool) {
	switch p {
	case partTitle:
		return ink{size: 22, min: 14, bold: true, lines: 3}, true
	case partAmount:
		return ink{size: 24, min: 14, bold: true}, true
	case partCode:
		return ink{size: 22, min: 14, bold: true}, true
	case partNote:
		return ink{size: 14, min: 12, lines: 4}, true
	case partNext, partAlert:
		return ink{size: 16, min: 13, bold: true, lines: 3}, true
	case partTime:
		return ink{size: 20, min: 14, bold: true}, true
	case partFoot:
		return ink{size: 13, tail: true}, true
	case partNow:
		return ink{size: 16, min: 13, bold: true}, true
	}
	return ink{}, false // steps behind and ahead
}

// status is the line at the top.
func (p paper) status(offline word) {
	right := p.badges(121, 1, 13)
	icon, about := iconBars, p.TerminalLabel
	if !p.Link {
		icon, about = iconNoLink, p.Lang.say(offline)
	}
	box, k := image.Rect(18, 0, right-2, 18), ink{color: p.fore, size: 13, min: 12, bold: !p.Link, lines: 1, align: alignLeft}
	if _, _, all := p.fit(box, k, p.readable(about)); all {
		p.icon(icon, 13, image.Pt(2, 2), p.fore)
	} else {
		box.Min.X = 2 // the words matter more
	}
	p.text(box, k, about)
}

// presenting: what the customer scans.
func (p paper) presenting() {
	p.status(wOffline)
	p.text(image.Rect(2, 20, 120, 46), ink{color: p.fore, size: 24, min: 14, bold: true}, p.AmountPaise.String())
	whose := p.MerchantName
	if p.ShortOrderID != "" {
		whose = p.Lang.say(wBill, p.ShortOrderID)
	}
	p.text(image.Rect(2, 46, 120, 64), ink{color: p.fore, size: 13}, whose)
	p.qr(paperCard, p.QR)
	hint := wScan
	if !p.Link {
		hint = wResultLate
	}
	area := image.Rect(2, 187, 120, 243)
	items := []item{{text: p.Lang.say(hint), ink: ink{color: p.fore, size: 14, min: 12, bold: !p.Link, lines: 2}, gap: 1}}
	if p.Total > 0 {
		items = append([]item{{text: clock(p.Left), ink: ink{color: p.fore, size: 18, min: 13, bold: true}}}, items...)
	}
	p.stack(area, items)
	p.bar(image.Rect(0, 245, 122, 250))
}

// keys are two plates at the end, as the keys are beside the glass.
func (p paper) keys(no, yes string) {
	l, r := image.Rect(1, 206, 60, 249), image.Rect(62, 206, 121, 249)
	p.round(l, p.fore)
	p.round(l.Inset(2), p.back)
	p.icon(iconCross, 18, image.Pt(22, 208), p.fore)
	p.text(image.Rect(4, 226, 57, 247), ink{color: p.fore, size: 15, min: 13, bold: true}, no)
	p.round(r, p.fore)
	p.icon(iconTick, 18, image.Pt(83, 208), p.back)
	p.text(image.Rect(65, 226, 118, 247), ink{color: p.back, size: 15, min: 13, bold: true}, yes)
}

// prompting: what is asked above the two keys.
func (p paper) prompting(s scene) {
	p.status(wOffline)
	p.stack(image.Rect(3, 20, 119, 196), p.items(s, paperLetters))
	p.bar(image.Rect(0, 198, 122, 203))
	p.keys(p.Lang.say(wReject), p.Lang.say(wAccept))
}

// choosing: two ways below each other.
func (p paper) choosing() {
	p.status(wOffline)
	p.text(image.Rect(2, 20, 120, 50), ink{color: p.fore, size: 24, min: 14, bold: true}, p.AmountPaise.String())
	for i, c := range p.choices() {
		box := at(2, 52+78*i, 118, 75)
		p.round(box, p.fore)
		p.round(box.Inset(2), p.back)
		key := at(box.Min.X+8, box.Min.Y+8, 30, 30)
		p.round(key, p.fore)
		p.text(key, ink{color: p.back, size: 20, bold: true}, strconv.Itoa(i+1))
		p.icon(c.icon, 34, image.Pt(box.Min.X+60, box.Min.Y+6), p.fore)
		p.text(image.Rect(box.Min.X+4, box.Min.Y+42, box.Max.X-4, box.Max.Y-4), ink{color: p.fore, size: 20, min: 14, bold: true}, p.Lang.say(c.word))
	}
	if p.Total > 0 {
		p.text(image.Rect(2, 208, 56, 243), ink{color: p.fore, size: 16, min: 12, bold: true, align: alignLeft}, clock(p.Left))
	}
	p.text(image.Rect(58, 208, 120, 243), ink{color: p.fore, size: 14, min: 12, lines: 2}, p.Lang.say(wChooseReject))
	p.bar(image.Rect(0, 245, 122, 250))
}

// enrolLink: the code to type, or its link to scan.
func (p paper) enrolLink() {
	p.badges(121, 1, 13)
	p.text(image.Rect(3, 20, 119, 42), ink{color: p.fore, size: 15, min: 12, bold: true}, p.Lang.say(wAddDevice))
	p.text(image.Rect(3, 42, 119, 64), ink{color: p.fore, size: 20, min: 12, bold: true}, p.Code)
	p.qr(paperLink, p.QR)
	says := p.Lang.say(wTypeCode)
	if p.Reason != "" {
		says = p.Lang.say(wNotJoined)
	}
	items := []item{{text: says, ink: ink{color: p.fore, size: 14, min: 12, lines: 2}, gap: 1}}
	if p.Left > 0 {
		items = append(items, item{text: p.Lang.say(wCodeValid, clock(p.Left)), ink: ink{color: p.fore, size: 14, min: 12}})
	}
	p.stack(image.Rect(2, 187, 120, 249), items)
}

// pulling: the number, and what came of it.
func (p paper) pulling(s scene) {
	p.status(wOffline)
	s.rows = s.rows[:len(s.rows):len(s.rows)]
	if says := p.Message(); says != "" {
		s.rows = append(s.rows, row{partAlert, says})
	}
	p.stack(image.Rect(3, 20, 119, 248), p.items(s, paperLetters))
}
