package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// worksItsSwitches turns a terminal off and on, takes its network and gives it
// back; below is where on the page the terminal is.
func worksItsSwitches(p *tab, below string) {
	p.t.Helper()
	below += " "
	p.says(below+".says", "Ready")
	for _, s := range []struct {
		name       string
		mode, says string // when it is off
	}{
		{"power", "mode: off", "Off"},
		{"network", "mode: offline", "No internet. Do not take QR"},
	} {
		checked := part(below+"."+s.name) + ".ariaChecked === "
		p.await(checked + "'true'")
		picture := p.ask(part(below+".panel") + ".src")
		p.press(below + "." + s.name)
		p.await(checked + "'false'")
		p.says(below+".mode", s.mode)
		p.says(below+".says", s.says)
		p.says(below+".link", "not linked")
		p.await(part(below+".panel") + ".src !== " + quote(picture))
		p.press(below + "." + s.name)
		p.await(checked + "'true'")
		p.says(below+".mode", "mode: idle")
		p.says(below+".says", "Ready")
		p.says(below+".link", "linked")
	}
}

// enter replaces what is in a field by what is typed.
func (p *tab) enter(selector, text string) {
	p.t.Helper()
	p.evaluate(part(selector) + ".select()")
	p.do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// hears waits until a terminal has said something, at any time since the page
// was opened.
func (p *tab) hears(terminal, text string) {
	p.t.Helper()
	p.await("said.includes(" + quote(terminal+" says "+text) + ")")
}

// reads waits for a line in the timeline, of somebody, with that in it.
func (p *tab) reads(who, what string) {
	p.t.Helper()
	p.await(`[...timeline.children].some((line) => line.querySelector('.who').textContent.startsWith(` + quote(who) +
		`) && line.querySelector('.what').textContent.includes(` + quote(what) + `))`)
}

// shows demands that the panel, as it is on this screen and as the terminal has
// sent it, can be scanned and asks for the amount.
func (p *tab) shows(panel, rupees string) {
	p.t.Helper()
	problem := ""
	for range 10 { // a frame may still be on its way to the screen: another one comes each second
		src := p.ask(part(panel) + ".src")
		sent, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(src, "data:image/png;base64,"))
		if err != nil {
			p.t.Fatalf("the panel's picture is %.40q: %v", src, err)
		}
		onScreen := act(p, "photograph "+panel, chromedp.Screenshot(chromedp.CSS(panel)))
		scanned, err := phone.ReadPicture(onScreen)
		original, err2 := phone.ReadPicture(sent)
		if err == nil && err2 == nil && scanned == original {
			link, err := upiuri.Parse(scanned)
			if err != nil || link.AM.Rupees() != rupees || link.Sign == "" {
				p.t.Fatalf("the QR asks for something else than %s: %s (%v)", rupees, scanned, err)
			}
			return
		}
		problem = fmt.Sprintf("on the screen: %v; as sent: %v", err, err2)
		p.await(part(panel) + ".src !== " + quote(src))
	}
	p.t.Fatalf("no QR for %s can be scanned: %s", rupees, problem)
}

// element is one thing that a person meets, as a screen reader is told of it.
type element struct{ role, name string }

// named lists everything that can be pressed, filled in or looked at, by what
// the browser computes for a screen reader.
func (p *tab) named() []element {
	p.t.Helper()
	tree := act(p, "the accessibility tree", func(ctx context.Context, target *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	roles := []string{"button", "switch", "textbox", "spinbutton", "combobox", "DisclosureTriangle", "link", "image"}
	var found []element
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := plain(node.Role)
		if slices.Contains(roles, role) {
			found = append(found, element{role, plain(node.Name)})
		}
	}
	return found
}

// plain is the text of a value of the accessibility tree.
func plain(v *accessibility.Value) string {
	var text string
	if v == nil || json.Unmarshal(v.Value, &text) != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

// strict reports whether a content security policy lets in nothing but what its
// own server has, and pictures that are part of the page.
func strict(policy string) bool {
	byDefault := false
	for directive := range strings.SplitSeq(policy, ";") {
		words := strings.Fields(directive)
		if len(words) < 2 {
			return false
		}
		for _, source := range words[1:] {
			allowed := source == "'none'" || source == "'self'" || source == "data:" && words[0] == "img-src"
			if !allowed {
				return false
			}
		}
		byDefault = byDefault || words[0] == "default-src"
	}
	return byDefault
}

// preferring is a browser whose user likes light or dark.
func preferring(scheme string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	}
}

// faintText is a script: the texts on the page that have less contrast to what is
// behind them than 4.5 to 1 (terminal-ux: Common rules), a line each. What is
// disabled is meant to be faint.
const faintText = `(() => {
	const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
	const light = (colour) => {
		const [r, g, b] = colour.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (element) => {
		for (; element; element = element.parentElement) {
			const colour = channels(getComputedStyle(element).backgroundColor);
			if (colour.length === 3 || colour[3] === 1) return colour;
		}
		return [255, 255, 255];
	};
	const faint = [];
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const element = texts.currentNode.parentElement;
		if (!texts.currentNode.textContent.trim() || !element.checkVisibility() || element.closest(':disabled')) continue;
		const both = [light(channels(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
		const contrast = (both[0] + 0.05) / (both[1] + 0.05);
		if (contrast < 4.5) faint.push(texts.currentNode.textContent.trim() + ' ' + contrast.toFixed(2));
	}
	return faint.join('\n');
})()`
