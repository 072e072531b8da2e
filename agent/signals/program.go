package signals

import "time"

// Step is one level of a lamp for some time.
type Step struct {
	Level int `json:"level"` // 0 to 100 per cent of the colour's light
	Ms    int `json:"ms"`    // milliseconds, at least 1
}

// Program is what a pattern is over time: Once from its beginning, then Always
// again and again. A page may play it as it is.
type Program struct {
	Once   []Step `json:"once"`
	Always []Step `json:"always"` // never empty
}

// Program is what p is on a lamp that can be made dim. A result's blinks are
// followed by a light that stays, so that who looks up later sees it too. A
// pattern that there is not is Off.
func (p Pattern) Program() Program {
	switch p {
	case Dim:
		return always(Step{15, 1000})
	case Breathe:
		return Program{Once: []Step{}, Always: breath()}
	}
	return p.OnOff()
}

// OnOff is p on a lamp that is on or off: every level is 0 or 100. Dim is a wink
// now and then, because a lamp that is dark could as well be without power, and a
// breath is on and off.
func (p Pattern) OnOff() Program {
	switch p {
	case Solid:
		return always(Step{100, 1000})
	case Dim:
		return always(Step{100, 50}, Step{0, 2950})
	case Slow:
		return always(Step{100, 1000}, Step{0, 1000})
	case Chase:
		return always(Step{100, 250}, Step{0, 250})
	case Breathe:
		return always(Step{0, 750}, Step{100, 1500}, Step{0, 750})
	case DoubleBlink: // "double blink / 5 s"
		return always(Step{100, 200}, Step{0, 200}, Step{100, 200}, Step{0, 4400})
	case ThreeBlinks:
		blink := []Step{{100, 300}, {0, 300}}
		return Program{Once: append(append(append([]Step{}, blink...), blink...), blink...), Always: []Step{{100, 1000}}}
	case OneBlink:
		return Program{Once: []Step{{100, 500}, {0, 500}}, Always: []Step{{100, 1000}}}
	}
	return always(Step{0, 1000})
}

func always(steps ...Step) Program { return Program{Once: []Step{}, Always: steps} }

// breath is three seconds from dim to full and back, in steps that an eye takes
// for one movement.
func breath() []Step {
	const half, lowest, highest = 15, 15, 100
	var steps []Step
	for i := range 2 * half {
		up := min(i, 2*half-i)
		steps = append(steps, Step{lowest + (highest-lowest)*up/half, 100})
	}
	return steps
}

// At is the level at a time since the light began, and for how long it stays from
// there; 0: for ever. A time before the beginning is the beginning.
func (p Program) At(elapsed time.Duration) (level int, rest time.Duration) {
	elapsed = max(elapsed, 0)
	for _, s := range p.Once {
		if d := s.duration(); elapsed < d {
			return s.Level, d - elapsed
		} else {
			elapsed -= d
		}
	}
	var whole time.Duration
	for _, s := range p.Always {
		whole += s.duration()
	}
	if len(p.Always) == 0 {
		return 0, 0
	}
	if len(p.Always) == 1 {
		return p.Always[0].Level, 0
	}
	elapsed %= whole
	for _, s := range p.Always {
		d := s.duration()
		if elapsed < d {
			return s.Level, d - elapsed
		}
		elapsed -= d
	}
	return 0, 0
}

func (s Step) duration() time.Duration { return time.Duration(max(s.Ms, 1)) * time.Millisecond }

// RGB is what the three channels of a LED make of a colour, 0 to 255 each.
func (c Colour) RGB() (r, g, b uint8) {
	switch c {
	case White:
		return 255, 255, 255
	case Blue:
		return 0, 0, 255
	case Green:
		return 0, 255, 0
	case Red:
		return 255, 0, 0
	case Amber:
		return 255, 120, 0
	}
	return 0, 0, 0
}

// At is what the three channels of a LED that can be made dim show at a time
// since the light began, and for how long; 0: for ever.
func (l Light) At(elapsed time.Duration) (r, g, b uint8, rest time.Duration) {
	level, rest := l.Pattern.Program().At(elapsed)
	r, g, b = l.Colour.RGB()
	scale := func(c uint8) uint8 { return uint8(int(c) * level / 100) }
	return scale(r), scale(g), scale(b), rest
}

// OnAt is At for channels that are on or off. A channel that has any part in the
// colour is on.
func (l Light) OnAt(elapsed time.Duration) (r, g, b bool, rest time.Duration) {
	level, rest := l.Pattern.OnOff().At(elapsed)
	red, green, blue := l.Colour.RGB()
	on := level > 0
	return on && red > 0, on && green > 0, on && blue > 0, rest
}
