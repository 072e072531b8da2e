package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/galla-pay/galla/firmware-sim/terminal/webtest"
)

// The demo's terminals, by the names that their pages have as headings.
const (
	firstTerminal  = "testterminal1"
	secondTerminal = "MST2603301758302811969831"
)

// at is a part of one terminal on the demo's page.
func at(terminal int, selector string) string {
	return fmt.Sprintf(`.counter[data-number="%d"] %s`, terminal, selector)
}

// TestPages: a person at the pages of `make run` sees and works two terminals.
// Everything is done as a person does it, with mouse and keys in a real browser,
// and nothing may reload a page, or make it complain in its console.
func TestPages(t *testing.T) {
	occupy(t)
	demo, chromium := showDemo(t, "127.0.0.1:0"), openBrowser(t)

	t.Run("load whole and from this machine alone", func(t *testing.T) {
		for url, panels := range map[string]string{
			demo.page: "240x320 320x480", demo.terminals[0]: "240x320", demo.terminals[1]: "320x480",
		} {
			p := chromium.open(t, url+"/", 1280)
			p.await(`[...document.querySelectorAll('.says')].every((says) => says.textContent === 'Ready')`)
			p.await(`[...document.querySelectorAll('.link')].every((link) => link.textContent === 'linked')`)
			p.await(`[...document.images].map((panel) => panel.naturalWidth + 'x' + panel.naturalHeight).join(' ') === '` + panels + `'`)
			if p.ask(`document.images.length > 0 && document.title.length > 0 && stale.hidden`) != "true" {
				t.Errorf("%s shows:\n%s", url, p.text())
			}
		}
	})

	t.Run("a sale is paid", func(t *testing.T) {
		p := chromium.open(t, demo.page+"/", 1280)
		p.says(at(1, ".says"), "Ready")
		p.enter("#amount", "245.00")
		p.press("#sale button")
		p.says(at(1, ".says"), "Scan to pay ₹245.00")
		p.await(part(at(1, ".mode")) + `.textContent.startsWith('mode: presenting, DEMO-')`)
		p.shows(at(1, ".panel"), "245.00")
		p.press(at(1, ".pay"))
		p.hears(firstTerminal, "Received ₹245.00")
		p.reads("till", "status SUCCESS")
		p.reads("callback", "SUCCESS")
		p.says(at(1, ".says"), "Ready")
		p.await(part(at(1, ".pay")) + `.disabled && ` + part(at(1, ".decline")) + `.disabled`)
		if heard := p.ask(`said.filter((what) => !/ says (Connecting|Ready)$/.test(what) && what.startsWith('` + secondTerminal + `'))`); heard != "" {
			t.Errorf("the other terminal did something, too: %s", heard)
		}
	})

	t.Run("a sale at the second terminal, made with the keyboard, is declined", func(t *testing.T) {
		p := chromium.open(t, demo.page+"/", 1280)
		p.says(at(2, ".says"), "Ready")
		p.do("choose terminal 2", chromedp.SendKeys(chromedp.CSS("#terminal"), "2"))
		p.enter("#amount", "1234.56"+kb.Enter)
		p.says(at(2, ".says"), "Scan to pay ₹1,234.56")
		p.shows(at(2, ".panel"), "1234.56")
		p.press(at(2, ".decline"))
		p.await(`said.some((what) => what.startsWith('` + secondTerminal + ` says Payment failed'))`)
		p.reads("till", "status FAILED")
		p.reads("callback", "FAILED")
		p.says(at(2, ".says"), "Ready")
	})

	t.Run("everybody can use it", func(t *testing.T) {
		for _, width := range []int64{1280, 360} {
			p := chromium.open(t, demo.page+"/", width)
			p.says(at(1, ".says"), "Ready")
			for _, scene := range []string{"idle", "presenting"} {
				if scene == "presenting" {
					p.enter("#amount", "9.00")
					p.press("#sale button")
					p.says(at(1, ".says"), "Scan to pay ₹9.00")
				}
				wrong, err := webtest.Violations(p.ctx)
				if err != nil {
					t.Fatal(err)
				}
				if reach := p.ask(webtest.Unreachable); reach != "" {
					wrong = append(wrong, reach)
				}
				if p.ask(`document.documentElement.scrollWidth <= innerWidth`) != "true" {
					wrong = append(wrong, "it is wider than the window")
				}
				if len(wrong) > 0 {
					t.Errorf("%d wide, %s:\n%s", width, scene, strings.Join(wrong, "\n"))
				}
			}
			p.press(at(1, ".pay"))
			p.hears(firstTerminal, "Received ₹9.00")
			p.says(at(1, ".says"), "Ready")
		}
	})

	t.Run("power and network", func(t *testing.T) {
		p := chromium.open(t, demo.page+"/", 1280)
		worksItsSwitches(p, `.counter[data-number="1"]`)
		worksItsSwitches(p, `.counter[data-number="2"]`)
	})

	t.Run("one terminal alone", func(t *testing.T) {
		till := chromium.open(t, demo.page+"/", 1280)
		p := chromium.open(t, demo.terminals[0]+"/", 1280)
		p.says(".says", "Ready")
		till.enter("#amount", "7.00")
		till.press("#sale button")
		p.says(".says", "Scan to pay ₹7.00")
		p.await(part(".panel") + ".alt === 'Panel of " + firstTerminal + ": Scan to pay ₹7.00'")
		p.shows(".panel", "7.00")
		till.press(at(1, ".pay"))
		p.hears(firstTerminal, "Received ₹7.00")
		p.says(".says", "Ready")
		worksItsSwitches(p, ".device")
	})

	t.Run("a wrong sale is refused in words and changes nothing", func(t *testing.T) {
		p := chromium.open(t, demo.page+"/", 1280)
		p.says(at(1, ".says"), "Ready")
		for _, amount := range []string{"0", "0.001", "-1", "1e3", "ten", "99999999999999999999", "<b>1</b>", "0.99", "8000.01"} {
			p.evaluate(`saletrouble.textContent = ''`)
			p.enter("#amount", amount)
			p.press("#sale button")
			p.await(`saletrouble.textContent !== '' && saletrouble.childElementCount === 0`)
			if saw := p.complained(); !strings.Contains(saw, "/sales answered 400") {
				t.Errorf("%q: the network saw %q", amount, saw)
			}
		}
		p.enter("#amount", "8.00")
		p.press("#sale button")
		p.says("#saletrouble", "")
		p.says(at(1, ".says"), "Scan to pay ₹8.00")
		p.press(at(1, ".pay"))
		p.hears(firstTerminal, "Received ₹8.00")
		if asked := p.ask(`said.filter((what) => what.includes(' says Scan to pay '))`); asked != firstTerminal+" says Scan to pay ₹8.00" {
			t.Errorf("the terminals asked for more than the one sale: %s", asked)
		}
	})

	t.Run("fit a narrow window", func(t *testing.T) {
		p := chromium.open(t, demo.page+"/", 360)
		alone := chromium.open(t, demo.terminals[0]+"/", 360)
		fits := func(when string) {
			t.Helper()
			for _, width := range []int64{360, 320} {
				for _, page := range []*tab{p, alone} {
					page.do("resize", chromedp.EmulateViewport(width, 800, chromedp.EmulateMobile))
					if got := page.ask(`document.scrollingElement.scrollWidth`); got != fmt.Sprint(width) {
						t.Errorf("%s, in a window %d wide %s is %s wide", when, width, page.answer.URL, got)
					}
				}
			}
		}
		p.says(at(1, ".says"), "Ready")
		alone.says(".says", "Ready")
		fits("at rest")
		p.press("summary")
		p.await(`curl.textContent.includes('X-VERIFY')`)
		fits("with the command line open")
		p.enter("#amount", "7999.99")
		p.press("#sale button")
		p.says(at(1, ".says"), "Scan to pay ₹7,999.99")
		alone.says(".says", "Scan to pay ₹7,999.99")
		fits("with a QR")
		p.shows(at(1, ".panel"), "7999.99")
		alone.shows(".panel", "7999.99")
		p.press(at(1, ".pay"))
		p.reads("callback", "SUCCESS")
		fits("after the payment")
		alone.hears(firstTerminal, "Received ₹7,999.99")
	})

	t.Run("everything to press, fill in or look at has a name", func(t *testing.T) {
		for _, url := range []string{demo.page, demo.terminals[0]} {
			p := chromium.open(t, url+"/", 1280)
			p.await(`[...document.querySelectorAll('.says')].every((says) => says.textContent === 'Ready')`)
			var names []string
			for _, role := range p.named() {
				names = append(names, role.role+" "+role.name)
				if role.name == "" {
					t.Errorf("%s: a %s has no name", url, role.role)
				}
			}
			// What a screen reader is told of must be all that there is.
			want := p.ask(`document.querySelectorAll('button, input, select, summary, a[href], img').length`)
			if fmt.Sprint(len(names)) != want || !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "switch Power") }) {
				t.Errorf("%s has %s such elements, a screen reader is told of %q", url, want, names)
			}
			if p.ask(`[...document.querySelectorAll('[id]')].every((one, _, all) => all.filter((other) => other.id === one.id).length === 1)`) != "true" {
				t.Errorf("%s uses an id twice", url)
			}
		}
	})

	t.Run("can be read in light and in dark", func(t *testing.T) {
		for _, url := range []string{demo.page, demo.terminals[0]} {
			p := chromium.open(t, url+"/", 1280)
			p.await(`[...document.querySelectorAll('.says')].every((says) => says.textContent === 'Ready')`)
			backgrounds := map[string]bool{}
			for _, scheme := range []string{"light", "dark"} {
				act(p, scheme, preferring(scheme))
				backgrounds[p.ask(`getComputedStyle(document.body).backgroundColor`)] = true
				if faint := p.ask(faintText); faint != "" {
					t.Errorf("%s: with less contrast than 4.5 to 1 in %s:\n%s", url, scheme, faint)
				}
			}
			if len(backgrounds) != 2 {
				t.Errorf("%s is the same in light and dark: %v", url, backgrounds)
			}
			// And faint text would be seen.
			p.evaluate(`document.querySelector('h1').style.color = 'rgb(90, 90, 90)'`)
			if faint := p.ask(faintText); !strings.HasPrefix(faint, p.ask(`document.querySelector('h1').textContent`)) {
				t.Errorf("grey on dark is not found faint: %q", faint)
			}
		}
	})

	t.Run("take no script but their own", func(t *testing.T) {
		for _, url := range []string{demo.page, demo.terminals[0]} {
			p := chromium.open(t, url+"/", 1280)
			policy, _ := p.answer.Headers["Content-Security-Policy"].(string)
			if !strict(policy) {
				t.Errorf("%s has the policy %q", url, policy)
			}
			// And the browser holds the page to it.
			p.evaluate(`
				document.addEventListener('securitypolicyviolation', (e) => { document.body.dataset.refused = (document.body.dataset.refused || '') + e.effectiveDirective + ' ' });
				const inline = document.createElement('script');
				inline.textContent = 'window.intruded = true';
				document.body.append(inline);
				document.body.setAttribute('style', 'color: red');
				fetch('http://127.0.0.1:1/').catch(() => {})`)
			for _, directive := range []string{"script-src-elem", "style-src-attr", "connect-src"} {
				p.await(`(document.body.dataset.refused || '').includes('` + directive + `')`)
			}
			if p.ask(`window.intruded`) != "undefined" {
				t.Errorf("%s ran a script that was put into it", url)
			}
			p.complained()
		}
	})
}

// TestPageOfDemoThatEnds: while the demo is gone its page says so, and when
// another one runs at the same address the page is its page, by itself.
func TestPageOfDemoThatEnds(t *testing.T) {
	occupy(t)
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	chromium, demo := openBrowser(t), showDemo(t, address)
	p := chromium.open(t, demo.page+"/", 1280)
	p.says(at(1, ".says"), "Ready")
	p.alone = true
	if err := demo.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.await(`!stale.hidden && stale.textContent.startsWith('Live updates lost')`)
	p.enter("#amount", "5.00")
	p.press("#sale button")
	p.says("#saletrouble", "The simulator does not answer.")
	showDemo(t, strings.TrimPrefix(demo.page, "http://"))
	p.awaitReload()
	p.says(at(1, ".says"), "Ready")
	p.says(at(2, ".says"), "Ready")
	p.await(`stale.hidden`)
	if p.complained() == "" {
		t.Error("the page's console saw nothing of it: what is this test looking at?")
	}
}

// TestStrict: what counts as a strict content security policy.
func TestStrict(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]bool{
		"default-src 'none'": true,
		"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'": true,
		"":                  false,
		"script-src 'self'": false,
		"default-src 'none'; script-src 'self' 'unsafe-eval'": false,
		"default-src 'none'; style-src 'unsafe-inline'":       false,
		"default-src 'none'; script-src data:":                false,
		"default-src *":                                       false,
		"default-src 'self' https://cdn.example":              false,
	} {
		if strict(policy) != want {
			t.Errorf("%q: strict %v, want %v", policy, !want, want)
		}
	}
}
