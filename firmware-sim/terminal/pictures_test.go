package terminal_test

import (
	"bytes"
	"context"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

var retake = flag.Bool("pictures", false, "take the pictures of the page anew")

const (
	pictureFolder = "../pictures"
	pictureLimit  = 400 << 10 // bytes of all of them
)

// The pictures of README are there, are pictures, and are not too large to be
// kept; and there are no others.
func TestPictures(t *testing.T) {
	if *retake {
		takePictures(t)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, found := range regexp.MustCompile(`\]\(pictures/([a-z0-9-]+\.png)\)`).FindAllStringSubmatch(string(readme), -1) {
		named = append(named, found[1])
	}
	files, err := fs.Glob(os.DirFS(pictureFolder), "*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(named)
	slices.Sort(files)
	if len(files) == 0 || !slices.Equal(named, files) {
		t.Errorf("README has the pictures %v, there are %v", named, files)
	}
	for _, kind := range terminal.PanelKinds() {
		if !slices.Contains(files, "panel-"+kind+".png") {
			t.Errorf("there is no picture of %s", kind)
		}
	}
	all := 0
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(pictureFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		all += len(data)
		picture(t, data)
	}
	if all > pictureLimit {
		t.Errorf("they are %d bytes, more than %d", all, pictureLimit)
	}
}

// album takes pictures of pages.
type album struct {
	t      *testing.T
	chrome *browser
}

// takePictures takes all of them anew.
func takePictures(t *testing.T) {
	if err := os.RemoveAll(pictureFolder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(pictureFolder, 0o755); err != nil {
		t.Fatal(err)
	}
	a := album{t, openBrowser(t)}
	for _, kind := range terminal.PanelKinds() {
		a.panel(kind)
	}
	a.states()
}

// panel is a sale on a kind of panel, with its companion beside it.
func (a album) panel(kind string) {
	d := newDesk(a.t)
	r := newRig(a.t, d, func(cfg *terminal.Config) { cfg.PanelKind, cfg.Companion = kind, "ssd1306" })
	r.flip("/power/on")
	r.awaitReady()
	p := a.chrome.open(a.t, r.url, 1000, 900)
	s := saleFor(kind)
	d.offer(s)
	p.says("Scan to pay ₹245.00")
	p.shows(kind, s.QR)
	p.keep(".glasses", "panel-"+kind)
	if err := r.Close(); err != nil {
		a.t.Fatal(err)
	}
}

// states are a terminal's main states, one after another, as the page shows them.
func (a album) states() {
	d := newDesk(a.t)
	d.want(func(s *protocol.State) { s.Display.Pull = true })
	r := newRig(a.t, d, nil)
	p := a.chrome.open(a.t, r.url, 1000, 900)
	front := func(name, says string) {
		a.t.Helper()
		p.says(says)
		p.still()
		p.keep(".front", "state-"+name)
	}
	r.flip("/power/on")
	r.awaitReady()
	front("idle", "Ready")
	p.do("page", chromedp.EmulateViewport(1000, 900))
	p.keep("main", "page")
	p.do("phone", chromedp.EmulateViewport(phoneWidth, phoneHeight))
	p.keep("main", "phone")
	p.do("page", chromedp.EmulateViewport(1000, 900))
	p.click(`[data-key="4"]`)
	p.click(`[data-key="2"]`)
	front("pulling", "Order number 42")
	p.click(`[data-key="clear"]`)
	p.click(`[data-key="clear"]`)
	p.click(`[data-key="clear"]`)
	p.says("Ready")
	s := asked("P1", "TXN-1", 24_500)
	d.offer(s)
	front("prompting", "Accept ₹245.00?")
	p.click(`[data-key="accept"]`)
	front("choosing", "Card or QR for ₹245.00?")
	p.click(`[data-key="card"]`)
	front("card", "Tap, insert or swipe a card for ₹245.00")
	p.click(`[data-tap="approve"]`)
	p.says("Checking with bank. Do not pay again")
	d.end(s, protocol.OutcomeSucceeded, "")
	front("paid", "Received ₹245.00")
	p.says("Ready")
	failed := sale("P2", "TXN-2", 24_500)
	d.offer(failed)
	front("presenting", "Scan to pay ₹245.00")
	d.end(failed, protocol.OutcomeFailed, "UPI:U30")
	front("failed", "Payment failed: UPI:U30")
	r.flip("/network/off")
	front("offline", "No internet. Do not take QR")
	r.flip("/power/off")
	front("off", "Off")
}

// still waits until the picture of the glass has come to the screen.
func (p *tab) still() {
	p.t.Helper()
	p.do("two frames", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[bool](`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`,
			chromedp.EvalAwaitPromise)(ctx, target)
		return chromedp.Void{}, err
	})
}

// keep writes a picture of a part of the page, as small as it can be without
// losing anything that is seen.
func (p *tab) keep(selector, name string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	data, err := chromedp.Run(ctx, chromedp.Screenshot(chromedp.CSS(selector)))
	if err != nil {
		p.t.Fatalf("photograph %s: %v", selector, err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, indexed(picture(p.t, data))); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictureFolder, name+".png"), out.Bytes(), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// coarse is a colour in steps of a sixteenth, which nobody sees in a screen's
// smooth letters: a page then has a few dozen.
func coarse(c color.Color) color.Color {
	step := func(v uint32) uint8 { return uint8((v>>8 + 8) / 17 * 17) }
	r, g, b, _ := c.RGBA()
	return color.RGBA{step(r), step(g), step(b), 0xff}
}

// indexed is a picture with a table of its colours, where they are few enough.
func indexed(img image.Image) image.Image {
	size := img.Bounds()
	var palette color.Palette
	index := map[color.Color]uint8{}
	small := image.NewPaletted(size, nil)
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			at := coarse(img.At(x, y))
			i, ok := index[at]
			if !ok {
				if len(palette) == 256 {
					return img
				}
				i = uint8(len(palette))
				index[at] = i
				palette = append(palette, at)
			}
			small.SetColorIndex(x, y, i)
		}
	}
	small.Palette = palette
	return small
}
