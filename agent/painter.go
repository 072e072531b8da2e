package agent

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/agent/internal/screen"
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
}

// subject is what a picture is about: as long as it is the same, only times move.
type subject struct {
	machine.Drawn
	payMode protocol.PayMode
	keypad  Keypad
}

// painter draws pictures in its own goroutine, so that neither the QR encoder
// nor a slow bus holds up the event loop. The loop hands it one picture at a
// time and gets one answer to each.
type painter struct {
	panel    Panel
	renderer *screen.Renderer
	glass    screen.Glass
	image    *image.RGBA
	jobs     chan picture
	answers  chan machine.Event // Drawn, DrawFailed or Unpresentable

	text string // what code was made of
	code *screen.QR
	lit  bool // the backlight is on
}

func newPainter(hw Hardware) (*painter, error) {
	renderer, err := screen.New(hw.Kind.Size)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	return &painter{
		panel:    hw.Panel,
		renderer: renderer,
		glass:    screen.Glass{Size: hw.Kind.Size, Width: hw.Kind.ActiveWidth},
		image:    image.NewRGBA(image.Rectangle{Max: hw.Kind.Size}),
		jobs:     make(chan picture, 1),
		answers:  make(chan machine.Event, 1),
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

func (p *painter) paint(job picture) machine.Event {
	if job.qr != "" {
		if job.qr != p.text {
			code, err := screen.EncodeQR(job.qr, p.glass)
			if err != nil {
				return machine.Unpresentable{PaymentID: job.of.PaymentID, Reason: unfit(err)}
			}
			p.text, p.code = job.qr, code
		}
		job.view.QR = p.code
	}
	if err := p.draw(job.view); err != nil {
		// What is on the glass now is not what is so: a dead PAID, or a dead QR.
		// It must not be seen; should the light not obey, there is no more to do.
		p.lit = false
		_ = p.panel.Backlight(false)
		return machine.DrawFailed{Reason: err.Error()}
	}
	return job.of.Drawn
}

func unfit(err error) string {
	if errors.Is(err, screen.ErrQRDoesNotFit) {
		return machine.ReasonUnfit
	}
	return machine.ReasonQR
}

// draw puts a view on the glass, then the light behind it.
func (p *painter) draw(v screen.View) error {
	if err := p.renderer.Render(p.image, v); err != nil {
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
