package panel_test

import (
	"image"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
)

// BenchmarkDraw is what a picture costs on the 240x320 panel, after one that was
// there before: what it takes to draw, how many bytes go over the wire, and how
// long the wire is busy (performance: SPI wire time), with what each transfer costs
// besides its bytes. "full" and "same" are the two ends; the others are pictures
// that a terminal shows one after another.
func BenchmarkDraw(b *testing.B) {
	full := image.Rect(0, 0, 240, 320)
	later := presenting(b, "GPT2611212025ABCDEF0123456789", 245_00)
	later.view.Left -= time.Second
	for _, bench := range []struct {
		name   string
		before *image.RGBA
		after  *image.RGBA
	}{
		{"full", noise(full, 1), noise(full, 2)},
		{"same", noise(full, 1), noise(full, 1)},
		{"countdown", presenting(b, "GPT2611212025ABCDEF0123456789", 245_00).picture(b), later.picture(b)},
		// The next customer's sale takes the place of one that is on the glass.
		{"qr", presenting(b, "GPT2611212025ABCDEF0123456789", 245_00).picture(b), presenting(b, "GPT2611212026FEDCBA9876543210", 1_180_50).picture(b)},
		// A sale on a glass that says that the till is ready: the card turns white.
		{"sale", shown{screen.View{Mode: protocol.ModeIdle, MerchantName: "Galla Test Store", TerminalLabel: "Till 1", Link: true, Last: 99_00}}.picture(b),
			presenting(b, "GPT2611212025ABCDEF0123456789", 245_00).picture(b)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			chip := paneltest.NewST7789()
			d, err := panel.NewST7789(chip, chip.Pins(), panel.Options{})
			if err != nil {
				b.Fatal(err)
			}
			if err := d.Draw(full, bench.before, image.Point{}); err != nil {
				b.Fatal(err)
			}
			before := chip.Stats()
			b.ReportAllocs()
			n := 0
			pictures := [2]*image.RGBA{bench.after, bench.before}
			for b.Loop() {
				if err := d.Draw(full, pictures[n%2], image.Point{}); err != nil {
					b.Fatal(err)
				}
				n++
			}
			after := chip.Stats()
			bytes := float64(after.Bytes-before.Bytes) / float64(n)
			b.ReportMetric(bytes, "spiB/op")
			b.ReportMetric(bytes*8/32+float64(after.Transfers-before.Transfers)/float64(n)*30, "wire-us/op")
		})
	}
}

// shown is what a terminal's glass shows.
type shown struct{ view screen.View }

// presenting is a sale whose QR holds a link of 200 bytes, as performance counts.
func presenting(b *testing.B, reference string, amount protocol.Paise) shown {
	b.Helper()
	link := "upi://pay?ver=01&mode=16&pa=merchant@upi&pn=Galla%20Test%20Store&mc=5411&tr=" + reference + "&am=" + amount.Rupees() + "&cu=INR&sign="
	for i := 0; len(link) < 200; i++ { // every bit of a signature is another
		link += string(reference[(3*i+int(amount))%len(reference)])
	}
	code, err := screen.EncodeQR(link, screen.Glass{Size: image.Pt(240, 320), Width: panel.Kinds()[0].ActiveWidth})
	if err != nil {
		b.Fatal(err)
	}
	return shown{screen.View{Mode: protocol.ModePresenting, AmountPaise: amount, QR: code, Left: 170 * time.Second, Total: 180 * time.Second,
		TerminalLabel: "Till 1", Link: true}}
}

// picture draws it.
func (s shown) picture(b *testing.B) *image.RGBA {
	b.Helper()
	r, err := screen.New(image.Pt(240, 320))
	if err != nil {
		b.Fatal(err)
	}
	dst := image.NewRGBA(image.Rect(0, 0, 240, 320))
	if err := r.Render(dst, s.view); err != nil {
		b.Fatal(err)
	}
	return dst
}
