package screen

import (
	"errors"
	"fmt"
	"image"
	"sync"

	"github.com/galla-pay/galla/protocol"
)

// ErrSize is wrapped when there is no layout for a panel's size.
var ErrSize = errors.New("no screen layout for this panel size")

// Renderer draws views for panels of one size. It keeps glyphs that it has
// rasterised, nothing else: what it drew before never shows. It may be shared;
// calls run one at a time.
type Renderer struct {
	layout layout

	mu     sync.Mutex
	canvas canvas
}

// New returns a Renderer for panels of that many pixels, or ErrSize.
func New(size image.Point) (*Renderer, error) {
	l, err := layoutOf(size)
	if err != nil {
		return nil, err
	}
	if err := texts().err; err != nil {
		return nil, err
	}
	f, err := newFonts()
	if err != nil {
		return nil, err
	}
	return &Renderer{layout: l, canvas: canvas{fonts: f, icons: newIcons(), bit: l.bit}}, nil
}

// Render paints all of dst, whose bounds must be those of the panel, from the
// origin. It returns an error, and leaves dst alone, for a View that has no
// picture: see ErrView.
func (r *Renderer) Render(dst *image.RGBA, v View) error {
	if dst == nil || dst.Rect != (image.Rectangle{Max: r.layout.size}) {
		return fmt.Errorf("%w: the picture is not %dx%d pixels", ErrView, r.layout.size.X, r.layout.size.Y)
	}
	if err := v.check(!r.layout.card.Empty()); err != nil {
		return err
	}
	card := r.layout.card
	if v.Mode == protocol.ModeEnrolling {
		card = r.layout.link
	}
	if err := v.QR.checkCard(card); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.canvas.dst = dst
	defer func() { r.canvas.dst = nil }()
	r.layout.draw(&r.canvas, v)
	return nil
}

// RenderAround is Render for a View that presents a QR which is not made yet: it has
// none, and its card stays empty until AddQR. So that a picture has little left to do
// once its QR is there.
func (r *Renderer) RenderAround(dst *image.RGBA, v View) error {
	v.QR, v.around = nil, true
	return r.Render(dst, v)
}

// AddQR paints a payment's QR on what RenderAround has left of dst.
func (r *Renderer) AddQR(dst *image.RGBA, q *QR) error {
	if dst == nil || dst.Rect != (image.Rectangle{Max: r.layout.size}) {
		return fmt.Errorf("%w: the picture is not %dx%d pixels", ErrView, r.layout.size.X, r.layout.size.Y)
	}
	if err := q.checkCard(r.layout.card); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.canvas.dst = dst
	defer func() { r.canvas.dst = nil }()
	r.canvas.qr(r.layout.card, q)
	return nil
}

// checkCard refuses a QR, if there is one, that a card is too small for.
func (q *QR) checkCard(card image.Rectangle) error {
	if q != nil && !card.Empty() && pixelsOf(card, q.modules) < q.px {
		return fmt.Errorf("%w: its QR was made for another panel", ErrView)
	}
	return nil
}
