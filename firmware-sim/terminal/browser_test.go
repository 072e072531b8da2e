package terminal_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/galla-pay/galla/protocol"
)

// browserTime bounds everything that one browser is used for.
const browserTime = 8 * time.Minute

// tab is the terminal's page in a real browser that reaches nothing but this
// machine. Whatever its console complains about fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// browser is a Chromium that reaches nothing but this machine.
type browser struct{ ctx context.Context }

func openBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("the page is tested in a real browser: apt-get install chromium (%v)", err)
	}
	bounded, cancel := context.WithTimeout(context.Background(), browserTime)
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options, chromedp.ExecPath(program),
		chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	allocated, free := chromedp.NewExecAllocator(bounded, options...)
	ctx, _ := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		free()
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s does not start: %v", program, err)
	}
	return &browser{ctx}
}

// open loads a page in a window of that size.
func (b *browser) open(t *testing.T, url string, width, height int64) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx)
	p := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		closeTab()
		if saw := p.complained(); saw != "" {
			t.Errorf("%s: %s", url, saw)
		}
	})
	if err := chromedp.Listen(ctx, p.note); err != nil {
		t.Fatalf("a new tab: %v", err)
	}
	p.do("open the page", chromedp.EmulateViewport(width, height), chromedp.Navigate(url+"/"))
	return p
}

// look opens the terminal's page in a window that is width pixels wide.
func (r *rig) look(width int64) *tab {
	r.t.Helper()
	return openBrowser(r.t).open(r.t, r.url, width, 1200)
}

// complained returns what the page has complained about, and forgives it.
func (p *tab) complained() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.complaints, "\n")
	p.complaints = nil
	return all
}

// note collects what is wrong with the page.
func (p *tab) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, "a script failed: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		p.complaints = append(p.complaints, "the console was used")
	case *log.EventEntryAdded:
		p.complaints = append(p.complaints, "log: "+e.Entry.Text)
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			p.complaints = append(p.complaints, fmt.Sprintf("%s answered %d", e.Response.URL, e.Response.Status))
		}
	}
}

func (p *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Steps(actions...)); err != nil {
		p.t.Fatalf("%s: %v; the page shows\n%s", what, err, p.ask("document.body.innerText"))
	}
}

// ask is the text of a script's expression.
func (p *tab) ask(expression string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

// await waits until an expression is true of the page, looking with every change.
func (p *tab) await(condition string) {
	p.t.Helper()
	script := `new Promise((done) => {
		const look = () => {
			if (!(` + condition + `)) return false;
			observer.disconnect();
			done(true);
			return true;
		};
		const observer = new MutationObserver(look);
		if (!look()) observer.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
	})`
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatalf("wait until %s: %v; the page shows\n%s", condition, err, p.ask("document.body.innerText"))
	}
}

// click presses a button with the mouse, once it can be.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.await("!document.querySelector('" + selector + "').disabled")
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// A cashier at the page pulls an order and takes a card for it, with mouse and
// keyboard.
func TestPagePullAndCard(t *testing.T) {
	t.Parallel()
	d, r := pulling(t)
	p := r.look(1280)
	p.await(`document.querySelector('.says').textContent === 'Ready'`)
	p.await(`document.querySelectorAll('[data-key]:enabled').length === 20`)
	p.await(`document.querySelectorAll('[data-tap]:enabled').length === 0`)
	p.await(`document.querySelector('.reader').textContent === 'Card reader: not asked'`)

	p.click(`[data-key="0"]`)
	p.click(`[data-key="0"]`)
	p.do("leave the keypad", chromedp.Click(chromedp.CSS("h1")))
	p.do("type", chromedp.KeyEvent("4"), chromedp.KeyEvent("7"), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent("2"))
	p.await(`document.querySelector('.says').textContent === 'Order number 0042'`)
	p.do("enter", chromedp.KeyEvent(kb.Enter))
	pull := within(t, "the pull", d.pulls)
	if pull.ShortOrderID != "0042" {
		t.Fatalf("it pulls %q", pull.ShortOrderID)
	}
	s := asked("P1", "TXN-1", 24_500)
	s.ShortOrderID, s.Phase = "0042", protocol.PhaseTaken
	d.want(func(state *protocol.State) {
		state.Sale = s
		state.Pull = &protocol.PullAnswer{PullID: pull.PullID, ShortOrderID: "0042", Outcome: protocol.PullTaken}
	})
	p.await(`document.querySelector('.says').textContent === 'Accept ₹245.00?'`)
	p.click(`[data-key="accept"]`)
	p.await(`document.querySelector('.says').textContent === 'Card or QR for ₹245.00?'`)
	// With the keyboard alone: the key's button, and the space bar.
	p.do("press Card", chromedp.Focus(chromedp.CSS(`[data-key="card"]`)), chromedp.KeyEvent(" "))
	p.await(`document.querySelector('.says').textContent === 'Tap, insert or swipe a card for ₹245.00'`)
	p.await(`document.querySelector('.reader').textContent === 'Card reader: put a card on it'`)
	p.click(`[data-tap="approve"]`)
	p.await(`document.querySelectorAll('[data-tap]:enabled').length === 0`)
	for {
		fact := within(t, "the approval", d.facts)
		if fact.Kind == protocol.FactCardApproved {
			break
		}
	}
	d.end(s, protocol.OutcomeSucceeded, "")
	p.await(`document.querySelector('.says').textContent === 'Received ₹245.00'`)
	if trouble := p.ask(`document.querySelector('.trouble').textContent`); trouble != "" {
		t.Errorf("the page is in trouble: %s", trouble)
	}
	r.flip("/power/off")
	p.await(`document.querySelectorAll('[data-key]:disabled').length === 20`)
	p.do("type without power", chromedp.KeyEvent("4"))
}

// However fast somebody types, the terminal gets the keys in their order; and
// Enter on a key's button presses that key.
func TestPageTypesInOrder(t *testing.T) {
	t.Parallel()
	d, r := pulling(t)
	p := r.look(1280)
	p.await(`document.querySelectorAll('[data-key]:enabled').length === 20`)
	says := func(text string) { p.await(`document.querySelector('.says').textContent === '` + text + `'`) }
	for _, number := range []string{"81726354", "10293847", "00000042"} {
		p.ask(`[...'` + number + `'].forEach((key) => document.querySelector('[data-key="' + key + '"]').click())`)
		says("Order number " + number)
		p.ask(`[...'` + number + `'].forEach(() => document.querySelector('[data-key="clear"]').click())`)
		says("Type the order number")
	}
	p.do("type", chromedp.KeyEvent("0042"))
	says("Order number 0042")
	p.do("press Enter on 7", chromedp.Focus(chromedp.CSS(`[data-key="7"]`)), chromedp.KeyEvent(kb.Enter))
	says("Order number 00427")
	none(t, "a pull", d.pulls)
}

// says waits until the terminal's sentence is that.
func (p *tab) says(text string) {
	p.t.Helper()
	p.await(`document.querySelector('.says').textContent === ` + fmt.Sprintf("%q", text))
}

// The page with all its keys fits a narrow window, and everything to press has
// a name of its own.
func TestPageNarrow(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	p := r.look(320)
	p.await(`document.querySelectorAll('[data-key]:enabled').length === 20`)
	if width := p.ask(`document.scrollingElement.scrollWidth`); width != "320" {
		t.Errorf("in a window 320 wide the page is %s wide", width)
	}
	if low := p.ask(`[...document.querySelectorAll('button')].filter((b) => b.offsetHeight < 44 || b.scrollWidth > b.clientWidth).map((b) => b.textContent)`); low != "" {
		t.Errorf("too small to touch, or for their words: %s", low)
	}
	names := p.ask(`[...document.querySelectorAll('button')].map((b) => b.ariaLabel || b.textContent)`)
	seen := map[string]bool{}
	for name := range strings.SplitSeq(names, ",") {
		if name == "" || seen[name] {
			t.Errorf("a button is called %q, of %s", name, names)
		}
		seen[name] = true
	}
}
