package screen

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// Lang is a language of the texts, an IETF tag. Each is one file in words/, named
// by it: a further language is a further file, and a font where its script has
// none yet.
type Lang string

const (
	// English is what every text has; it stands in for one that a language lacks.
	English Lang = "en"
	// Hindi is written in Devanagari, amounts and codes in Latin digits.
	Hindi Lang = "hi"
)

//go:embed words/*.json
var wordFiles embed.FS

// table is all texts. It is read once and never changes.
type table struct {
	texts map[Lang]map[word]string
	err   error
}

var texts = sync.OnceValue(readTexts)

// readTexts reads the files of words/. %s in a text is a value.
func readTexts() table {
	t := table{texts: map[Lang]map[word]string{}}
	files, err := wordFiles.ReadDir("words")
	if err != nil {
		t.err = fmt.Errorf("read words: %w", err)
		return t
	}
	for _, f := range files {
		data, err := wordFiles.ReadFile(path.Join("words", f.Name()))
		row := map[word]string{}
		if err == nil {
			err = json.Unmarshal(data, &row)
		}
		if err != nil {
			t.err = fmt.Errorf("read words %s: %w", f.Name(), err)
			return t
		}
		t.texts[Lang(strings.TrimSuffix(f.Name(), ".json"))] = row
	}
	return t
}

// Languages are those that there are, in the order of their tags.
func Languages() []Lang {
	var all []Lang
	for l := range texts().texts {
		all = append(all, l)
	}
	slices.Sort(all)
	return all
}

// has reports whether there is a text of a word.
func has(w word) bool {
	_, known := texts().texts[English][w]
	return known
}

// say returns a text with its value, if it takes one.
func (l Lang) say(w word, value ...any) string {
	all := texts().texts
	s, ok := all[l][w]
	if !ok {
		s = all[English][w]
	}
	if len(value) == 0 {
		return s
	}
	return fmt.Sprintf(s, value...)
}
