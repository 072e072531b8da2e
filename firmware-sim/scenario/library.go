package scenario

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed files/*.scenario
var files embed.FS

// suffix is that of a scenario's file.
const suffix = ".scenario"

// Library returns the scenarios that are in this program, in the order of their
// names.
func Library() ([]*Scenario, error) {
	entries, err := files.ReadDir("files")
	if err != nil {
		return nil, err
	}
	var all []*Scenario
	for _, e := range entries {
		s, err := embedded(path.Join("files", e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Scenario) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Find returns the scenario of that name, and its text; ok is false when there is
// none.
func Find(name string) (s *Scenario, text string, ok bool) {
	file := path.Join("files", name+suffix)
	raw, err := files.ReadFile(file)
	if err != nil || strings.ContainsAny(name, "/\\") {
		return nil, "", false
	}
	s, err = embedded(file)
	return s, string(raw), err == nil
}

// embedded reads one that is in this program.
func embedded(file string) (*Scenario, error) {
	text, err := files.Open(file)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	return Parse(strings.TrimSuffix(path.Base(file), suffix), text)
}
