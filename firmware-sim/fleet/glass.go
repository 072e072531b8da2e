package fleet

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/panel"
)

// looksFor is how long a glass counts as looked at after somebody looked.
const looksFor = 3 * time.Second

// glass is a panel without a module behind it: pixels in memory, and those only
// while somebody looks (agent.Hardware.Hidden). It implements panel.Panel.
type glass struct {
	kind panel.Kind
	look chan struct{} // agent.Hardware.Look

	mu      sync.Mutex
	lookers int       // that have not looked away
	until   time.Time // and whoever looked once
	picture *image.RGBA
	drawn   chan struct{} // closed at the next draw
}

func newGlass(kind panel.Kind) *glass {
	return &glass{kind: kind, look: make(chan struct{}, 1), drawn: make(chan struct{})}
}

// Hidden is agent.Hardware.Hidden.
func (g *glass) Hidden() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.hidden()
}

func (g *glass) hidden() bool { return g.lookers == 0 && !time.Now().Before(g.until) }

// Watch looks until away is called, once.
func (g *glass) Watch() (away func()) {
	g.mu.Lock()
	if g.hidden() {
		g.picture = nil // nobody kept it up to date
	}
	g.lookers++
	g.mu.Unlock()
	g.tell()
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.lookers--; g.hidden() {
			g.picture = nil
		}
	}
}

// tell has the agent draw.
func (g *glass) tell() {
	select {
	case g.look <- struct{}{}:
	default: // it has not yet noticed the last one
	}
}

// PNG looks at the glass and returns its picture. A glass that was not looked at is
// drawn first; ctx bounds the wait for that, and then it is black.
func (g *glass) PNG(ctx context.Context) ([]byte, error) {
	g.mu.Lock()
	if g.hidden() {
		g.picture = nil // nobody kept it up to date
	}
	g.until = time.Now().Add(looksFor)
	drawn := g.drawn
	wait := g.picture == nil
	g.mu.Unlock()
	if wait {
		g.tell()
		select {
		case <-drawn:
		case <-ctx.Done():
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	picture := g.picture
	if picture == nil {
		picture = g.black()
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, picture); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Drawn returns a channel that is closed at the next draw.
func (g *glass) Drawn() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.drawn
}

// black is a glass on which nothing was drawn.
func (g *glass) black() *image.RGBA {
	picture := image.NewRGBA(image.Rectangle{Max: g.kind.Size})
	draw.Draw(picture, picture.Rect, image.Black, image.Point{}, draw.Src)
	return picture
}

// powerCut loses the picture.
func (g *glass) powerCut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.picture = nil
}

// Draw implements display.Drawer.
func (g *glass) Draw(dst image.Rectangle, src image.Image, sp image.Point) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.picture == nil {
		g.picture = g.black()
	}
	draw.Draw(g.picture, dst, src, sp, draw.Src)
	close(g.drawn)
	g.drawn = make(chan struct{})
	return nil
}

// Backlight implements panel.Panel.
func (g *glass) Backlight(bool) error { return nil }

// ColorModel implements display.Drawer.
func (g *glass) ColorModel() color.Model { return color.RGBAModel }

// Bounds implements display.Drawer.
func (g *glass) Bounds() image.Rectangle { return image.Rectangle{Max: g.kind.Size} }

// String implements conn.Resource.
func (g *glass) String() string { return g.kind.Name + " in memory" }

// Halt implements conn.Resource.
func (g *glass) Halt() error { return nil }
