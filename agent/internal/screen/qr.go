package screen

import (
	"errors"
	"fmt"
	"image"

	"github.com/skip2/go-qrcode"
	"periph.io/x/conn/v3/physic"
)

// The rules of a QR on a lit panel (terminal-ux: QR rule to adopt).
const (
	quietZone = 4 // modules, white, all round
	// leastModule is below what a phone reads at a counter.
	leastModule = 450 * physic.MicroMetre
	// longestText is what no QR exceeds: version 40-L of digits. The encoder's
	// cost grows with texts that it then refuses.
	longestText = 7089
)

// ErrQRDoesNotFit is wrapped by EncodeQR for a text that would need modules too
// small to be read; the sender has to shorten it.
var ErrQRDoesNotFit = errors.New("QR does not fit this panel")

// Glass is what a QR depends on besides its text: panel.Kind has both.
type Glass struct {
	Size  image.Point     // pixels
	Width physic.Distance // of the lit area
}

// QR is a text as modules, ready to be drawn. It never changes.
type QR struct {
	modules int // along one side, quiet zone not included
	px      int // pixels along one module
	level   string
	dark    []bool // row by row
}

// Modules is how many modules one side has, without the quiet zone: 21 to 177.
func (q *QR) Modules() int { return q.modules }

// Pixels is how many pixels one module measures on each side.
func (q *QR) Pixels() int { return q.px }

// Level is the error correction: "M", or "L".
func (q *QR) Level() string { return q.level }

// EncodeQR makes a QR of a text for a panel. The text is taken as it is: it may
// be signed. Modules are whole pixels, as many as the white card holds; level M,
// but L where that makes the modules larger. It costs milliseconds: call it
// once per payment, not per picture.
//
// It returns ErrQRDoesNotFit when a module would be smaller than 0.45 mm or the
// panel carries no QR at all, and ErrSize when there is no layout for the panel.
func EncodeQR(text string, glass Glass) (*QR, error) {
	l, err := layoutOf(glass.Size)
	if err != nil {
		return nil, err
	}
	return encode(text, glass, l.card)
}

// EncodeLink makes a QR of the link of an enrolment, for a View that enrols. It is
// smaller than a payment's: beside it are words. Else it is as EncodeQR.
func EncodeLink(text string, glass Glass) (*QR, error) {
	l, err := layoutOf(glass.Size)
	if err != nil {
		return nil, err
	}
	return encode(text, glass, l.link)
}

// Draft is a text that a panel has room for, with all chosen that a QR needs, and
// nothing encoded yet.
type Draft struct {
	code  *qrcode.QRCode
	level string
	px    int // pixels along one module
}

// DraftQR is the part of EncodeQR that costs little, a fiftieth of the whole: it says
// whether the panel has room for the text, with EncodeQR's errors.
func DraftQR(text string, glass Glass) (*Draft, error) {
	l, err := layoutOf(glass.Size)
	if err != nil {
		return nil, err
	}
	return draft(text, glass, l.card)
}

// draft chooses how a text is encoded on a card.
func draft(text string, glass Glass, card image.Rectangle) (*Draft, error) {
	if card.Empty() {
		return nil, fmt.Errorf("%w: %dx%d pixels never carry one", ErrQRDoesNotFit, glass.Size.X, glass.Size.Y)
	}
	if glass.Width <= 0 {
		return nil, fmt.Errorf("panel width %s is not positive", glass.Width)
	}
	if len(text) > longestText {
		return nil, fmt.Errorf("%w: %d bytes: no QR holds more than %d", ErrQRDoesNotFit, len(text), longestText)
	}
	medium, errM := qrcode.New(text, qrcode.Medium)
	low, err := qrcode.New(text, qrcode.Low)
	if err != nil {
		// L holds the most: what it refuses no level takes.
		return nil, fmt.Errorf("%w: %d bytes: %w", ErrQRDoesNotFit, len(text), err)
	}
	d := &Draft{code: low, level: "L"}
	if errM == nil && pixelsOf(card, side(medium)) == pixelsOf(card, side(low)) {
		d.code, d.level = medium, "M"
	}
	d.px = pixelsOf(card, side(d.code))
	if module := glass.Width * physic.Distance(d.px) / physic.Distance(glass.Size.X); module < leastModule {
		least := int((leastModule*physic.Distance(glass.Size.X) + glass.Width - 1) / glass.Width)
		return nil, fmt.Errorf("%w: %d bytes need %d modules a side, at most %d can be read",
			ErrQRDoesNotFit, len(text), side(low), card.Dx()/least-2*quietZone)
	}
	return d, nil
}

// Encode makes the QR. It costs milliseconds, and is called once.
func (d *Draft) Encode() *QR {
	d.code.DisableBorder = true
	q := &QR{modules: side(d.code), px: d.px, level: d.level}
	q.dark = make([]bool, 0, q.modules*q.modules)
	for _, row := range d.code.Bitmap() {
		q.dark = append(q.dark, row...)
	}
	return q
}

// encode makes a QR for a card of a panel.
func encode(text string, glass Glass, card image.Rectangle) (*QR, error) {
	d, err := draft(text, glass, card)
	if err != nil {
		return nil, err
	}
	return d.Encode(), nil
}

// side is the modules of one side (ISO/IEC 18004: version 1 has 21).
func side(c *qrcode.QRCode) int { return 17 + 4*c.VersionNumber }

// pixelsOf is how many whole pixels a module gets on a card.
func pixelsOf(card image.Rectangle, modules int) int {
	return card.Dx() / (modules + 2*quietZone)
}

// qr paints the white card and the modules in its middle. The card is white to
// its square corners: it is the quiet zone. Without a QR the card stays empty.
func (c *canvas) qr(card image.Rectangle, q *QR) {
	c.fill(card, white)
	if q == nil {
		return
	}
	at := card.Min.Add(image.Pt((card.Dx()-q.modules*q.px)/2, (card.Dy()-q.modules*q.px)/2))
	for i := 0; i < len(q.dark); i++ {
		if !q.dark[i] {
			continue
		}
		// Dark modules beside each other are one rectangle.
		x, y, n := i%q.modules, i/q.modules, 1
		for x+n < q.modules && q.dark[i+n] {
			n++
		}
		c.fill(image.Rect(0, 0, n*q.px, q.px).Add(at).Add(image.Pt(x*q.px, y*q.px)), black)
		i += n - 1
	}
}
