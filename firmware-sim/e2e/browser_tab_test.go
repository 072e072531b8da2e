package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserTime bounds everything that one browser is used for.
const browserTime = 5 * time.Minute

// browser is a headless Chromium with a fresh profile that can reach nothing but
// this machine's loopback.
type browser struct{ ctx context.Context }

func openBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("the pages are tested in a real browser: apt-get install chromium (%v)", err)
	}
	bounded, cancel := context.WithTimeout(context.Background(), browserTime)
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options, chromedp.ExecPath(program),
		chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
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

// tab is one page that was opened once. What its console, its network and its
// scripts complain about fails the test at its end, and so does a second load of
// the page.
type tab struct {
	t      *testing.T
	ctx    context.Context
	answer *network.Response // to the page itself
	loaded chan struct{}     // sent to when the page was loaded again

	mu         sync.Mutex
	complaints []string
	loads      int
	wantLoads  int
	alone      bool // its server goes away: that it is missed is no complaint
}

// recorder keeps everything that each terminal on the page has said, because
// some of it is only there for seconds.
const recorder = `
	window.said = [];
	const record = () => {
		for (const device of document.querySelectorAll('.device')) {
			const now = device.querySelector('h2').textContent + ' says ' + device.querySelector('.says').textContent;
			if (!said.includes(now)) said.push(now);
		}
	};
	new MutationObserver(record).observe(document, {subtree: true, childList: true, characterData: true});
	record();`

// open loads a page in a window that is width pixels wide.
func (b *browser) open(t *testing.T, address string, width int64) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx)
	p := &tab{t: t, ctx: ctx, loaded: make(chan struct{}, 10), wantLoads: 1}
	t.Cleanup(closeTab)
	if err := chromedp.Listen(ctx, p.note); err != nil {
		t.Fatalf("a new tab: %v", err)
	}
	p.do("a window "+fmt.Sprint(width)+" wide", chromedp.EmulateViewport(width, 900))
	p.answer = act(p, "load "+address, chromedp.NavigateResponse(address))
	select {
	case <-p.loaded:
	case <-time.After(patience):
		t.Fatalf("%s is not loaded within %v", address, patience)
	}
	p.evaluate(recorder)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.complaints {
			if !p.alone || !strings.Contains(c, "net::ERR_") {
				t.Errorf("%s: %s", address, c)
			}
		}
		if p.loads != p.wantLoads {
			t.Errorf("%s was loaded %d times, want %d", address, p.loads, p.wantLoads)
		}
	})
	return p
}

// note collects what is wrong with the page.
func (p *tab) note(event any) {
	complain := func(format string, args ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.complaints = append(p.complaints, fmt.Sprintf(format, args...))
	}
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		complain("a script failed: %v", &chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails})
	case *runtime.EventConsoleAPICalled:
		complain("the console was used: %s", e.Type)
	case *log.EventEntryAdded:
		complain("log: %s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *network.EventLoadingFailed:
		if !e.Canceled {
			complain("a request failed: %s", e.ErrorText)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			complain("%s answered %d", e.Response.URL, e.Response.Status)
		}
	case *page.EventLoadEventFired:
		select {
		case p.loaded <- struct{}{}:
		default: // nobody waits for that many
		}
	case *network.EventRequestWillBeSent:
		if !fromHere(e.Request.URL) {
			complain("asked another host: %s", e.Request.URL)
		}
		if e.Type == network.ResourceTypeDocument {
			p.mu.Lock()
			p.loads++
			p.mu.Unlock()
		}
	}
}

// fromHere reports whether a URL is in the page itself or on loopback.
func fromHere(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	return u.Scheme == "data" || net.ParseIP(u.Hostname()).IsLoopback()
}

// complained returns what the page has complained about, and forgives it.
func (p *tab) complained() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.complaints, "\n")
	p.complaints = nil
	return all
}

// act does one thing in the tab, within patience.
func act[T any](p *tab, what string, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("%s: %v\nthe page shows:\n%s", what, err, p.text())
	}
	return result
}

func (p *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	act(p, what, chromedp.Steps(actions...))
}

// awaitReload waits until the page has loaded itself anew, as it is expected to.
func (p *tab) awaitReload() {
	p.t.Helper()
	p.wantLoads++
	select {
	case <-p.loaded:
	case <-time.After(patience):
		p.t.Fatalf("the page did not load itself anew; it shows:\n%s", p.text())
	}
}

// text is all that the page shows, for a failure's report.
func (p *tab) text() string {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// evaluate runs a script for what it does.
func (p *tab) evaluate(script string) {
	p.t.Helper()
	act(p, script, chromedp.Evaluate[bool]("(() => { "+script+"; return true })()"))
}

// ask is the text of a script's expression.
func (p *tab) ask(expression string) string {
	p.t.Helper()
	return act(p, expression, chromedp.Evaluate[string]("String("+expression+")"))
}

// await waits until a condition, an expression of JavaScript, is true of the
// document. It is looked at with every change of the document.
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
	act(p, "wait until "+condition, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
}

// part is the expression for one element.
func part(selector string) string { return "document.querySelector(" + quote(selector) + ")" }

// quote writes a text as JavaScript does.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // no string does that
	}
	return string(quoted)
}

// says waits until an element's text is exactly that.
func (p *tab) says(selector, text string) {
	p.t.Helper()
	p.await(part(selector) + ".textContent === " + quote(text))
}

// press clicks what is there to be clicked, with the mouse, once it is enabled.
func (p *tab) press(selector string) {
	p.t.Helper()
	p.await("!" + part(selector) + ".disabled")
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}
