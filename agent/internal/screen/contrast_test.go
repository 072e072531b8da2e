package screen_test

import (
	"image/color"
	"math"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/internal/screen"
)

// luminance and contrast are those of WCAG 2.
func luminance(c color.RGBA) float64 {
	lin := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.R) + 0.7152*lin(c.G) + 0.0722*lin(c.B)
}

func contrast(a, b color.RGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// Every text has 4.5:1 on what it stands on, amounts 7:1, before and after the
// panel has made 16 bits of the colours.
func TestContrast(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		as16bits := func(c color.RGBA) color.RGBA {
			return color.RGBA{c.R&0xf8 | c.R>>5, c.G&0xfc | c.G>>6, c.B&0xf8 | c.B>>5, 0xff}
		}
		r := newRenderer(t, glass)
		for _, s := range everyText(t, glass) {
			printed, err := screen.WatchInk(r, picture(glass), s.view)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range printed {
				least := 4.5
				if strings.HasPrefix(p.Text, "₹") {
					least = 7
				}
				worst := math.Inf(1)
				seen := map[color.RGBA]bool{}
				for _, under := range p.Under {
					if seen[under] {
						continue
					}
					seen[under] = true
					worst = min(worst, contrast(p.Color, under), contrast(as16bits(p.Color), as16bits(under)))
				}
				if worst < least {
					t.Errorf("%s: %q has a contrast of %.2f, the least is %.1f", s.name, p.Text, worst, least)
				}
			}
		}
	})
}
