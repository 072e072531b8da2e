package terminal_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/firmware-sim/terminal/webtest"
	"github.com/galla-pay/galla/protocol"
)

// A phone as it is held: everything on the page has to be there.
const phoneWidth, phoneHeight = 360, 740

// preferring is a browser whose user likes things so.
func preferring(feature, value string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return chromedp.Void{}, err
	}
}

// isUsable demands that the page can be used on a phone as it is now, and by who
// sees little or uses no mouse, in light and in dark.
func (p *tab) isUsable(when string) {
	p.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		p.do(scheme, preferring("prefers-color-scheme", scheme))
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		wrong, err := webtest.Violations(ctx)
		cancel()
		if err != nil {
			p.t.Fatal(err)
		}
		for _, line := range wrong {
			p.t.Errorf("%s, in %s: %s", when, scheme, line)
		}
	}
	if width := p.ask(`document.scrollingElement.scrollWidth`); width != fmt.Sprint(phoneWidth) {
		p.t.Errorf("%s, in a window %d wide the page is %s wide", when, phoneWidth, width)
	}
	if wrong := p.ask(webtest.Unreachable); wrong != "" {
		p.t.Errorf("%s, on a phone: %s", when, wrong)
	}
	if alt, says := p.ask(`document.querySelector('.panel').alt`), p.ask(`document.querySelector('.says').textContent`); !strings.HasSuffix(alt, ": "+says) {
		p.t.Errorf("%s, the panel is described as %q, and the terminal says %q", when, alt, says)
	}
}

// A person with a phone, and one with a screen reader, can use the page in every
// state.
func TestPageOnAPhone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.want(func(s *protocol.State) { s.Display.Pull = true })
	disk := filepath.Join(t.TempDir(), "disk")
	r := newRig(t, d, func(cfg *terminal.Config) { cfg.DataDir, cfg.Companion = disk, "ssd1306" })
	p := openBrowser(t).open(t, r.url, phoneWidth, phoneHeight)
	p.says("Off")
	p.isUsable("off")
	p.click(".power")
	p.says("Ready")
	p.isUsable("idle")
	p.click(`[data-key="7"]`)
	p.says("Order number 7")
	p.isUsable("on the keypad")
	p.click(`[data-key="clear"]`)
	p.click(`[data-key="clear"]`)
	p.says("Ready")
	s := asked("P1", "TXN-1", 24_500)
	d.offer(s)
	p.says("Accept ₹245.00?")
	p.isUsable("prompting")
	p.click(`[data-key="accept"]`)
	p.says("Card or QR for ₹245.00?")
	p.isUsable("choosing")
	p.click(`[data-key="dqr"]`)
	p.says("Scan to pay ₹245.00")
	p.isUsable("presenting")
	d.end(s, protocol.OutcomeSucceeded, "")
	p.says("Received ₹245.00")
	p.isUsable("with a result")
	p.click("summary")
	p.await(`document.querySelector('.help').open`)
	p.isUsable("with its keyboard explained")
	r.flip("/power/off")
	if err := os.RemoveAll(disk); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.click(".power")
	p.await(`document.querySelector('.says').textContent.startsWith('Fault: ')`)
	p.isUsable("with a fault")
}

// What is wrong with a page would be found.
func TestPageFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	p := openBrowser(t).open(t, r.url, phoneWidth, phoneHeight)
	p.says("Off")
	p.ask(`document.querySelector('.panel').removeAttribute('alt')`)
	p.ask(`document.querySelector('.listen').style.cssText = 'min-height: 0; height: 20px; padding: 0'`)
	p.ask(`document.querySelector('.network').style.cssText = 'position: relative; left: 400px'`)
	wrong, err := webtest.Violations(p.ctx)
	if err != nil || len(wrong) != 1 || !strings.HasPrefix(wrong[0], "image-alt ") {
		t.Errorf("axe finds %q, %v", wrong, err)
	}
	lines := strings.Split(p.ask(webtest.Unreachable), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "Network is outside") || !strings.HasPrefix(lines[1], "Sound is ") {
		t.Errorf("not to be reached: %q", lines)
	}
}

// photograph reads the QR on the screen, as a phone before it does.
func (p *tab) photograph(selector string) (string, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.Screenshot(chromedp.CSS(selector)))
	if err != nil {
		p.t.Fatalf("photograph %s: %v", selector, err)
	}
	return phone.ReadPicture(picture)
}

// shows waits until the QR on the screen reads as a link.
func (p *tab) shows(what, link string) {
	p.t.Helper()
	var got string
	var err error
	for range 20 { // a frame may still be on its way to the screen: there is one each second
		if got, err = p.photograph(".panel"); err == nil && got == link {
			return
		}
		src := fmt.Sprintf("%q", p.ask(`document.querySelector('.panel').src`))
		p.await(`document.querySelector('.panel').src !== ` + src)
	}
	p.t.Fatalf("%s: the QR on the screen reads %q, %v; want %q", what, got, err, link)
}

// saleFor is a sale of 245.00 whose QR fits on that panel: paper 24 mm wide has
// room for a short link only.
func saleFor(kind string) *protocol.Sale {
	s := sale("P1", "TXN-1", 24_500)
	if kind == "waveshare2in13v3" {
		s.QR = "upi://pay?pa=merchant@upi&am=245.00"
	}
	return s
}

// The QR of every panel can be scanned from the page, at one and two pixels a
// pixel, and on a phone's screen.
func TestPageShowsEveryPanel(t *testing.T) {
	t.Parallel()
	chromium := openBrowser(t)
	for _, kind := range terminal.PanelKinds() {
		t.Run(kind, func(t *testing.T) {
			d := newDesk(t)
			r := newRig(t, d, func(cfg *terminal.Config) { cfg.PanelKind = kind })
			r.flip("/power/on")
			r.awaitReady()
			wide := chromium.open(t, r.url, 1280, 1200)
			narrow := chromium.open(t, r.url, phoneWidth, phoneHeight)
			s := saleFor(kind)
			d.offer(s)
			wide.says("Scan to pay ₹245.00")
			wide.shows("at one pixel a pixel", s.QR)
			if scale := wide.ask(`document.querySelector('.panel').clientWidth / document.querySelector('.panel').naturalWidth`); scale != "1" {
				t.Errorf("a pixel is %s pixels", scale)
			}
			wide.click(".zoom")
			wide.shows("at two pixels a pixel", s.QR)
			if scale := wide.ask(`document.querySelector('.panel').clientWidth / document.querySelector('.panel').naturalWidth`); scale != "2" {
				t.Errorf("doubled, a pixel is %s pixels", scale)
			}
			narrow.shows("on a phone", s.QR)
			if width := narrow.ask(`document.scrollingElement.scrollWidth`); width != fmt.Sprint(phoneWidth) {
				t.Errorf("on a phone the page is %s wide", width)
			}
		})
	}
}

// The keyboard works every key, unless it was switched off; and the focus can be
// moved to everything.
func TestPageByKeyboard(t *testing.T) {
	t.Parallel()
	d, r := pulling(t)
	p := r.look(1280)
	p.says("Ready")
	s := asked("P1", "TXN-1", 24_500)
	d.offer(s)
	p.says("Accept ₹245.00?")
	p.click(".hotkeys")
	p.await(`document.querySelector('.hotkeys').ariaChecked === 'false'`)
	p.do("type what is not heard", chromedp.KeyEvent("n"), chromedp.KeyEvent("y"))
	p.click(".hotkeys")
	p.do("accept", chromedp.KeyEvent("Y"))
	p.says("Card or QR for ₹245.00?")
	p.do("QR", chromedp.KeyEvent("q"))
	p.says("Scan to pay ₹245.00")
	d.end(s, protocol.OutcomeCancelled, "CANCELLED_BY_MERCHANT")
	p.says("Bill cancelled")
	p.says("Ready")
	p.do("type", chromedp.KeyEvent("12"), chromedp.KeyEvent(kb.Backspace))
	p.says("Order number 1")
	// With Tab alone, from the top of the page, everything is come by once.
	p.ask(`document.querySelector('.hotkeys').blur()`)
	want := p.ask(`[...document.querySelectorAll('button:enabled, summary, a[href]')].length`)
	p.ask(`(window.visited = new Set(), document.addEventListener('focusin', (e) => visited.add(e.target)))`)
	for range 60 {
		p.do("Tab", chromedp.KeyEvent(kb.Tab))
		if p.ask(`visited.size`) == want {
			return
		}
	}
	t.Errorf("Tab comes by %s of %s", p.ask(`visited.size`), want)
}

// What is heard is read, too; the lamp has a word beside its colour, and stands
// still for who wants that.
func TestPageLampAndCaption(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	p := r.look(1280)
	p.says("Ready")
	const moves = `getComputedStyle(document.querySelector('.lamp'), '::after').animationName`
	word := func(text string) {
		p.await(`document.querySelector('.lampword').textContent === ` + fmt.Sprintf("%q", text))
	}
	word("LED white, dim")
	p.click(".listen")
	s := sale("P1", "TXN-1", 24_500)
	d.offer(s)
	p.await(`document.querySelector('.caption').textContent === 'Tone: tick'`)
	word("LED blue, solid")
	d.end(s, protocol.OutcomeSucceeded, "")
	spoken := signals.Speech{Language: signals.English, Said: signals.SaidReceived, AmountPaise: 24_500}
	p.await(`document.querySelector('.caption').textContent === ` + fmt.Sprintf("%q", "Tone: chime. Voice: "+spoken.Caption()))
	word("LED green, solid")
	p.await(`performance.getEntriesByType('resource').some((one) => one.name.endsWith('/voice.wav'))`)
	failed := sale("P2", "TXN-2", 100)
	d.offer(failed)
	p.says("Scan to pay ₹1.00")
	d.end(failed, protocol.OutcomeFailed, "UPI:U30")
	word("LED red, three blinks")
	if got := p.ask(moves); got != "three-blinks-once" {
		t.Errorf("the lamp of a failure moves as %q", got)
	}
	p.do("want no motion", preferring("prefers-reduced-motion", "reduce"))
	if got := p.ask(moves); got != "none" {
		t.Errorf("for who wants no motion the lamp moves as %q", got)
	}
}

// When the stream is lost the page says so, and it goes on by itself when it is
// there again.
func TestPageLosesItsStream(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	var lost atomic.Bool
	handler := r.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if lost.Load() {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	p := openBrowser(t).open(t, server.URL, 1280, 1200)
	p.says("Ready")
	if p.ask(`stale.hidden`) != "true" {
		t.Error("the page says that its stream is lost, and it is not")
	}
	lost.Store(true)
	server.CloseClientConnections()
	p.await(`!stale.hidden && /^Live updates lost [0-9]+ s ago, trying again$/.test(stale.textContent)`)
	p.await(`stale.getAttribute('role') === 'status' && stale.querySelector('span').ariaHidden === 'true'`)
	p.click(".power")
	p.await(`document.querySelector('.trouble').textContent === 'The simulator does not answer.'`)
	lost.Store(false)
	p.await(`stale.hidden && stale.textContent === ''`)
	p.complained() // that connections were lost
	s := sale("P1", "TXN-1", 24_500)
	d.offer(s)
	p.says("Scan to pay ₹245.00")
	p.shows("after the loss", s.QR)
}
