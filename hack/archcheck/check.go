package main

import (
	"fmt"
	"slices"
	"strings"
)

// check holds every package of ours against the rules and returns one line for
// each that is broken, in order of package.
func check(w *world, rules []rule) ([]string, error) {
	var broken []string
	for _, p := range w.ours() {
		for _, r := range rules {
			if matchesAny(r.from, p) {
				broken = append(broken, checkImports(w, p, r)...)
			}
		}
		if p.Name != "main" && len(p.GoFiles) > 0 && !strings.Contains(p.ImportPath, "/internal/") && !matchesAny(publicPackages, p) {
			broken = append(broken, short(p.ImportPath)+" is public: only agent, its hardware and protocol are for others; move it below internal")
		}
		if matchesAny(purePackages(), p) {
			lines, err := clockReads(p)
			if err != nil {
				return nil, err
			}
			broken = append(broken, lines...)
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken), nil
}

// checkImports walks the imports of p, nearest first, so that the way shown is
// the shortest.
func checkImports(w *world, p *pkg, r rule) []string {
	type step struct {
		path string
		via  []string
	}
	var queue []step
	add := func(imports, via []string) {
		for _, path := range imports {
			queue = append(queue, step{path, via})
		}
	}
	add(p.Imports, nil)
	if r.tests {
		add(p.TestImports, nil)
		add(p.XTestImports, nil)
	}
	var broken []string
	for seen := map[string]bool{p.ImportPath: true}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if seen[at.path] {
			continue
		}
		seen[at.path] = true
		target := w.packages[at.path]
		if target == nil {
			// Test imports of strangers are not listed; the name still counts.
			target = &pkg{ImportPath: at.path, Standard: !strings.Contains(strings.SplitN(at.path, "/", 2)[0], ".")}
		}
		if matchesAny(r.except, target) {
			continue // allowed, and bound by rules of its own
		}
		if matchesAny(r.never, target) && !sameHouse(r, p, target) {
			line := fmt.Sprintf("%s imports %s", short(p.ImportPath), short(at.path))
			if len(at.via) > 0 {
				line += " through " + strings.Join(at.via, ", ")
			}
			broken = append(broken, line+": "+r.why)
			continue // what it drags in is no news
		}
		if strings.HasPrefix(at.path, prefix) || r.deep && !target.Standard {
			add(target.Imports, append(slices.Clip(at.via), short(at.path)))
		}
	}
	return broken
}

// sameHouse says whether one of the rule's from patterns covers both: packages
// below one folder are one thing to the rule.
func sameHouse(r rule, a, b *pkg) bool {
	return slices.ContainsFunc(r.from, func(pattern string) bool { return matches(pattern, a) && matches(pattern, b) })
}

func matchesAny(patterns []string, p *pkg) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, p) })
}

// matches says whether a pattern of a rule (see type rule) means p.
func matches(pattern string, p *pkg) bool {
	path, isOurs := strings.CutPrefix(p.ImportPath, prefix)
	switch pattern {
	case "ours":
		return isOurs
	case "strangers":
		return !isOurs && !p.Standard
	}
	first, _, _ := strings.Cut(pattern, "/")
	foreign := strings.Contains(first, ".") // a host name, so a stranger's module
	if !foreign && !isOurs && !p.Standard {
		return false // a stranger's path never looks like one of ours
	}
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == below || strings.HasPrefix(path, below+"/")
	}
	return path == pattern
}

// short is a path as the table writes it.
func short(path string) string { return strings.TrimPrefix(path, prefix) }
