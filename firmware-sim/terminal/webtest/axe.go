// Package webtest looks at the simulator's pages as people do who do not see them
// well, or do not use a mouse. Tests of packages terminal, demo and e2e call it;
// nothing that is shipped does.
package webtest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe/axe.min.js
var axe string

// run is a script whose value is axe's violations of WCAG 2.0 and 2.1, levels A
// and AA, as JSON.
const run = `axe.run(document, {
	runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']},
	resultTypes: ['violations'],
}).then((found) => JSON.stringify({
	passes: found.passes.length,
	violations: found.violations.map((v) => ({
		id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html + ' ' + (n.any[0] ? n.any[0].message : '')),
	})),
}))`

// Violations asks axe about the page in the tab of ctx as it is now: one line for
// each thing that is wrong, none when nothing is. An error means that axe could
// not look.
func Violations(ctx context.Context) ([]string, error) {
	loaded, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`typeof axe === 'object'`))
	if err == nil && !loaded {
		_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](axe+"; true"))
	}
	if err != nil {
		return nil, fmt.Errorf("load axe: %w", err)
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](run, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, fmt.Errorf("run axe: %w", err)
	}
	var found struct {
		Passes     int
		Violations []struct {
			ID, Help string
			Nodes    []string
		}
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, fmt.Errorf("axe's answer: %w", err)
	}
	if found.Passes == 0 {
		return nil, fmt.Errorf("axe found nothing to look at: %.200s", text)
	}
	var lines []string
	for _, v := range found.Violations {
		lines = append(lines, fmt.Sprintf("%s (%s): %s", v.ID, v.Help, strings.Join(v.Nodes, " | ")))
	}
	return lines, nil
}

// Unreachable is a script: the names of the buttons, links and fields of a page
// that cannot be pressed however it is scrolled, because they are outside of the
// window or under something else, or are smaller than 44 by 44 pixels (a finger),
// a line each. Links within a text may be smaller.
const Unreachable = `(() => {
	const wrong = [];
	for (const one of document.querySelectorAll('button, input, select, summary, a[href]')) {
		if (!one.checkVisibility()) continue;
		one.scrollIntoView({block: 'center'});
		scrollTo(0, scrollY);
		const box = one.getBoundingClientRect();
		const name = one.ariaLabel || one.textContent.trim() || one.id;
		const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
		if (box.left < 0 || box.right > document.documentElement.clientWidth) wrong.push(name + ' is outside');
		else if (!there || (there !== one && !one.contains(there))) wrong.push(name + ' is covered');
		else if (one.tagName !== 'A' && (box.width < 44 || box.height < 44)) wrong.push(name + ' is ' + box.width + 'x' + box.height);
	}
	scrollTo(0, 0);
	return wrong.join('\n');
})()`
