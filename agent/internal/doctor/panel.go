package doctor

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"periph.io/x/conn/v3/physic"
)

// Glass is a panel to look at.
type Glass struct {
	Kind panel.Kind
	// Open opens the panel; close lets go of it, dark.
	Open func() (p panel.Panel, close func() error, err error)
}

// Panel opens the panel, paints it white and black, and leaves it dark.
func Panel(g Glass) func(context.Context) Finding {
	return func(context.Context) Finding {
		p, done, err := g.Open()
		if err != nil {
			return g.broken(err)
		}
		took, err := paint(p)
		if err = errors.Join(err, done()); err != nil {
			return g.broken(err)
		}
		f := good("%s %dx%d, %v a full frame", g.Kind.Name, g.Kind.Size.X, g.Kind.Size.Y, roundUp(took))
		f.Took = took
		return f
	}
}

// paint draws two pictures that differ everywhere, and times the second.
func paint(p panel.Panel) (time.Duration, error) {
	all := p.Bounds()
	if err := p.Draw(all, image.NewUniform(color.White), image.Point{}); err != nil {
		return 0, err
	}
	if err := p.Backlight(true); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := p.Draw(all, image.NewUniform(color.Black), image.Point{}); err != nil {
		return 0, err
	}
	return time.Since(begun), p.Backlight(false)
}

func (g Glass) broken(err error) Finding {
	advice := "compare the wires with the table of " + g.Kind.Name + " in the field guide; SPI must be on: sudo raspi-config nonint do_spi 0"
	if errors.Is(err, panel.ErrBusStuck) {
		advice = "the panel does not answer in time: compare its wires with the table of " + g.Kind.Name + " in the field guide, and make them shorter than 20 cm"
	}
	return CannotOpen(fmt.Errorf("%s: %w", g.Kind.Name, err), advice)
}

// The links of payments by which a panel is judged: one as most banks make them,
// and a signed one (terminal-ux: QR rule, 117 and 210 bytes).
const (
	typicalLink = "upi://pay?pa=sample@example&pn=Sharma%20Kirana%20Store&mc=5411&tr=GPT2611212025ABCDEF0123456789&am=245.00&cu=INR&mode=15"
	signedLink  = "upi://pay?ver=01&mode=15&pa=sample@example&pn=Sharma%20Kirana%20Store&mc=5411&tr=GPT2611212025ABCDEF0123456789&am=245.00&cu=INR&" +
		"sign=MEQCIDf0bZy8V1pJv3cXo9sTq4wLk2mNnRrUuEe5Gg7Hh8IiAiBjJ1Kk2Ll3Mm4Nn5Oo6Pp7Qq8Rr"
)

// QR says whether the panel can carry the QR of a payment so that a phone reads
// it at a counter: modules of 0.45 mm at least (terminal-ux: QR rule to adopt).
func QR(k panel.Kind) func(context.Context) Finding {
	return func(context.Context) Finding {
		const larger = "use a panel of 240x320 or more; this one can only be a companion"
		if !k.ShowsQR {
			return bad(larger, "%s never shows the QR of a payment", k.Name)
		}
		glass := screen.Glass{Size: k.Size, Width: k.ActiveWidth}
		typical, err := screen.EncodeQR(typicalLink, glass)
		if err != nil {
			return bad("use a panel of 240x320 or more, unless the links of this shop's bank are much shorter",
				"a typical payment (%d bytes): %s", len(typicalLink), oneLine(err))
		}
		signed, err := screen.EncodeQR(signedLink, glass)
		if err != nil {
			return bad("use a panel of 240x320 or more, unless this shop's links are not signed",
				"a signed payment (%d bytes): %s", len(signedLink), oneLine(err))
		}
		return good("a usual link is %s, a signed one %s", module(typical, k), module(signed, k))
	}
}

// module describes the modules of a QR on a panel.
func module(q *screen.QR, k panel.Kind) string {
	wide := k.ActiveWidth * physic.Distance(q.Pixels()) / physic.Distance(k.Size.X)
	return fmt.Sprintf("version %d-%s with %d px = %d.%02d mm a module",
		(q.Modules()-17)/4, q.Level(), q.Pixels(), wide/physic.MilliMetre, wide%physic.MilliMetre/(10*physic.MicroMetre))
}
