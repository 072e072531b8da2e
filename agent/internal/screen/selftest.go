package screen

import (
	"image"
	"image/color"
	"slices"
)

// checkLine is a check as it is shown.
type checkLine struct {
	name, says string
	finding    Finding
}

// checkLines are the view's checks, in words.
func (v View) checkLines() []checkLine {
	var all []checkLine
	for _, c := range v.Checks {
		if c.Name == "" {
			continue
		}
		l := checkLine{name: c.Name, says: v.Lang.say(wTestOpen), finding: c.Finding}
		if slices.Contains(partWords(), word("test."+c.Name)) {
			l.name = v.Lang.say(word("test." + c.Name))
		}
		switch c.Finding {
		case FindingOK:
			l.says = v.Lang.say(wTestOK)
		case FindingFailed:
			l.says = v.Lang.say(wTestFailed)
		case FindingAbsent:
			l.says = v.Lang.say(wTestAbsent)
		case FindingOpen:
		}
		all = append(all, l)
	}
	return all
}

// findingSign paints the sign of a finding: never told by its colour alone.
func (c *canvas) findingSign(f Finding, size int, at image.Point) {
	disc := func(name iconName, col color.RGBA) {
		c.icon(iconDisc, size, at, col)
		c.icon(name, size, at, black)
	}
	switch f {
	case FindingOK:
		disc(iconTick, ok)
	case FindingFailed:
		disc(iconCross, bad)
	case FindingAbsent:
		c.icon(iconBar, size, at, muted)
	default:
		c.icon(iconClock, size, at, info)
	}
}

// testing is the list of a self-test (terminal-ux: SELFTEST).
func (p portrait) testing() {
	p.status(wOffline)
	p.text(at(12, 24, 216, 30), ink{color: white, size: 20, min: 16, bold: true}, p.say(wTesting))
	for i, l := range p.checkLines() {
		y := 60 + 27*i
		sign := p.box(at(12, y, 18, 20))
		p.findingSign(l.finding, sign.Dx(), sign.Min)
		p.text(at(38, y-3, 122, 26), ink{color: white, size: 16, min: 14, align: alignLeft}, l.name)
		p.text(at(162, y-3, 66, 26), ink{color: muted, size: 16, min: 14, align: alignRight}, l.says)
	}
	p.text(at(12, 286, 216, 26), ink{color: muted, size: 16, min: 14}, p.say(wTestHint))
}

// updating: it ends by itself, and comes back.
func (p portrait) updating() {
	p.badges()
	p.logo(72, 40)
	p.text(at(12, 156, 216, 56), ink{color: white, size: 24, min: 18, bold: true, lines: 2}, p.say(wUpdating))
	p.text(at(12, 214, 216, 24), ink{color: muted, size: 16, min: 14}, p.say(wUpdateHint))
	box := at(12, 250, 216, 44)
	p.round(box, warn)
	p.text(box.Inset(6), ink{color: black, size: 18, min: 14, bold: true}, p.say(wUpdateWarn))
}

// testing is the list in one column, as wide as the panel.
func (l landscape) testing() {
	l.status(image.Rect(0, 0, 480, 28), wOffline)
	l.text(image.Rect(12, 30, 468, 66), ink{color: white, size: 26, min: 18, bold: true}, l.Lang.say(wTesting))
	for i, c := range l.checkLines() {
		y := 68 + 27*i
		l.findingSign(c.finding, 22, image.Pt(60, y+2))
		l.text(image.Rect(94, y, 320, y+27), ink{color: white, size: 20, min: 16, align: alignLeft}, c.name)
		l.text(image.Rect(324, y, 440, y+27), ink{color: muted, size: 20, min: 16, align: alignRight}, c.says)
	}
	l.text(image.Rect(12, 286, 468, 316), ink{color: muted, size: 18, min: 16}, l.Lang.say(wTestHint))
}

// findingSign is the sign in one bit.
func (m mono) findingSign(f Finding, size int, at image.Point) {
	switch f {
	case FindingOK:
		m.icon(iconDisc, size, at, m.fore)
		m.icon(iconTick, size, at, m.back)
	case FindingFailed:
		m.icon(iconCross, size, at, m.fore)
	case FindingAbsent:
		m.icon(iconBar, size, at, m.fore)
	default:
		m.icon(iconClock, size, at, m.fore)
	}
}

// testing is the list with a word only for what failed: there is no room for more.
func (p paper) testing() {
	p.status(wOffline)
	p.text(image.Rect(3, 20, 119, 46), ink{color: p.fore, size: 18, min: 14, bold: true}, p.Lang.say(wTesting))
	for i, l := range p.checkLines() {
		y := 48 + 22*i
		p.findingSign(l.finding, 16, image.Pt(3, y+3))
		p.text(image.Rect(23, y, 120, y+22), ink{color: p.fore, size: 13, min: 12, bold: l.finding == FindingFailed, align: alignLeft}, l.name)
	}
	p.text(image.Rect(3, 228, 119, 248), ink{color: p.fore, size: 13, min: 12}, p.Lang.say(wTestHint))
}

// testSays is what 128x64 has room for: what failed, or that all is well so far.
func (v View) testSays() (title string, failed []string) {
	title = v.Lang.say(wTestOK)
	for _, l := range v.checkLines() {
		switch l.finding {
		case FindingFailed:
			failed = append(failed, l.name)
		case FindingOpen:
			title = v.Lang.say(wTestOpen)
		case FindingOK, FindingAbsent:
		}
	}
	if len(failed) > 0 {
		title = v.Lang.say(wTestFailed)
	}
	return title, failed
}
