package agent

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"runtime"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/protocol"
)

// drawGrace is how long after its driver's own limit a panel that does not answer
// counts as broken.
const drawGrace = time.Second

// picture is what is wanted on the glass.
type picture struct {
	view screen.View // but for its QR
	qr   string      // text of it, "" for none
	of   subject
	// sweep is the self-test that the picture belongs to; 0: none. The first picture
	// of each has every pixel of the panel sent.
	sweep int
}

// subject is what a picture is about: as long as it is the same, only times move.
type subject struct {
	machine.Drawn
	payMode protocol.PayMode
	keypad  Keypad
	lang    screen.Lang
	muted   bool
}

// painter draws pictures in its own goroutine, so that neither the QR encoder
// nor a slow bus holds up the event loop. The loop hands it one picture at a
// time and gets one answer to each. What it takes to draw is made for the first
// picture that somebody looks at: a fleet's terminals that nobody sees need none.
type painter struct {
	panel   Panel
	glass   screen.Glass
	hidden  func() bool
	jobs    chan picture
	answers chan machine.Event // Drawn, DrawFailed or Unpresentable

	mu      sync.Mutex
	encoded *encoding // the newest QR

	renderer *screen.Renderer
	image    *image.RGBA
	lit      bool // the backlight is on
	swept    int  // the last self-test
}

// encoding is a text's QR, made once.
type encoding struct {
	text    string
	once    sync.Once
	drafted chan struct{} // closed when err says whether the panel has room
	code    *screen.QR
	err     error
}

// encode makes the QR, or waits for who makes it.
func (e *encoding) encode(on screen.Glass) (*screen.QR, error) {
	e.once.Do(func() {
		var draft *screen.Draft
		draft, e.err = screen.DraftQR(e.text, on)
		close(e.drafted)
		if e.err != nil {
			return
		}
		if runtime.GOMAXPROCS(0) == 1 {
			runtime.Gosched() // a lone core writes to the disk first, which works by itself
		}
		e.code = draft.Encode()
	})
	return e.code, e.err
}

// qr is the encoding of a text, which may have begun.
func (p *painter) qr(text string) *encoding {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.encoded == nil || p.encoded.text != text {
		p.encoded = &encoding{text: text, drafted: make(chan struct{})}
	}
	return p.encoded
}

// begin has a QR made that will be wanted soon, beside what else there is to do
// before it may be shown: the disk takes as long as the encoder (performance: frame
// ready). It returns as soon as it is known whether the panel has room for it, with
// the error if not. Who waits for that leaves its core, which is awake, to the
// encoder, for which everything else will have to wait.
func (p *painter) begin(text string, spawn func(func(context.Context))) error {
	if p.hidden() {
		_, err := screen.DraftQR(text, p.glass)
		return err
	}
	e := p.qr(text)
	spawn(func(context.Context) { _, _ = e.encode(p.glass) }) // paint has the error
	<-e.drafted
	return e.err
}

func newPainter(p Panel, kind panel.Kind, hidden func() bool) (*painter, error) {
	if err := screen.Supports(kind.Size); err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	return &painter{
		panel:   p,
		glass:   screen.Glass{Size: kind.Size, Width: kind.ActiveWidth},
		hidden:  hidden,
		jobs:    make(chan picture, 1),
		answers: make(chan machine.Event, 1),
	}, nil
}

// run draws until ctx ends. Both channels hold one, and the loop never has more
// than one picture under way, so it blocks on nothing but the panel.
func (p *painter) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-p.jobs:
			p.answers <- p.paint(job)
		}
	}
}

// paint makes a picture, unless nobody looks: then it counts as drawn.
func (p *painter) paint(job picture) machine.Event {
	if p.hidden() {
		return job.of.Drawn
	}
	err := p.draw(job)
	if noQR := (*noQRError)(nil); errors.As(err, &noQR) {
		return machine.Unpresentable{PaymentID: job.of.PaymentID, Reason: unfit(noQR.error)}
	}
	if err != nil {
		// What is on the glass now is not what is so: a dead PAID, or a dead QR.
		// It must not be seen; should the light not obey, there is no more to do.
		p.lit = false
		_ = p.panel.Backlight(false)
		return machine.DrawFailed{Reason: err.Error()}
	}
	return job.of.Drawn
}

// noQRError says why a picture's QR cannot be made. The glass is as it was.
type noQRError struct{ error }

func unfit(err error) string {
	if errors.Is(err, screen.ErrQRDoesNotFit) {
		return machine.ReasonUnfit
	}
	return machine.ReasonQR
}

// draw puts a view on the glass, then the light behind it.
func (p *painter) draw(job picture) error {
	if p.renderer == nil {
		renderer, err := screen.New(p.glass.Size)
		if err != nil {
			return err
		}
		p.renderer, p.image = renderer, image.NewRGBA(image.Rectangle{Max: p.glass.Size})
	}
	if job.sweep != 0 && job.sweep != p.swept {
		if err := p.sweep(); err != nil {
			return err
		}
		p.swept = job.sweep
	}
	if err := p.render(job); err != nil {
		return err
	}
	if err := p.panel.Draw(p.image.Rect, p.image, image.Point{}); err != nil {
		return err
	}
	if p.lit {
		return nil
	}
	if err := p.panel.Backlight(true); err != nil {
		return err
	}
	p.lit = true
	return nil
}

// render makes the picture. What is around a QR is painted while that is made.
func (p *painter) render(job picture) error {
	if job.qr == "" {
		return p.renderer.Render(p.image, job.view)
	}
	if err := p.renderer.RenderAround(p.image, job.view); err != nil {
		return err
	}
	code, err := p.qr(job.qr).encode(p.glass)
	if err != nil {
		return &noQRError{err}
	}
	return p.renderer.AddQR(p.image, code)
}

// sweep has every pixel sent, white and then black: a driver sends only what
// differs, so a part that is dead could go unnoticed for long.
func (p *painter) sweep() error {
	for _, c := range []color.Color{color.White, color.Black} {
		draw.Draw(p.image, p.image.Rect, image.NewUniform(c), image.Point{}, draw.Src)
		if err := p.panel.Draw(p.image.Rect, p.image, image.Point{}); err != nil {
			return err
		}
	}
	return nil
}
