package doctor

import (
	"context"
	"image"

	"github.com/galla-pay/galla/agent/panel"
)

// Saying is the picture of a self-test with those lines.
func Saying(p panel.Panel, k panel.Kind, lines ...string) *image.RGBA {
	g, err := newGlassTester(p, k)
	if err != nil {
		panic(err)
	}
	g.fill(g.image.Rect, image.Black)
	g.write(g.image.Rect, image.White, lines...)
	return g.image
}

// SoundWith is Sound on a device whose cards are listed in a file.
func SoundWith(program, cards string) func(context.Context) Finding { return sound(program, cards) }
