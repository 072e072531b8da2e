package signals

import (
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/galla-pay/galla/protocol"
)

// The languages that are spoken.
const (
	English = "en"
	Hindi   = "hi"
)

// Languages are those that there are. The slice is the caller's.
func Languages() []string { return []string{English, Hindi} }

// LanguageOf is the language itself, or English for a language that is not spoken.
func LanguageOf(language string) string {
	if _, ok := spoken().texts[language]; ok {
		return language
	}
	return English
}

//go:embed words/*.txt
var wordFiles embed.FS

// vocabulary is what all clips say. It is read once and never changes.
type vocabulary struct {
	names map[string][]Clip
	texts map[string]map[Clip]string
	err   error // a file that is not as it should be
}

var spoken = sync.OnceValue(readWords)

// readWords reads words/: a clip a line, its name, a tab and its words.
func readWords() vocabulary {
	v := vocabulary{names: map[string][]Clip{}, texts: map[string]map[Clip]string{}}
	for _, lang := range Languages() {
		data, err := wordFiles.ReadFile("words/" + lang + ".txt")
		if err != nil {
			v.err = fmt.Errorf("read words: %w", err)
			return v
		}
		v.texts[lang] = map[Clip]string{}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "#") {
				continue
			}
			name, text, ok := strings.Cut(line, "\t")
			if _, twice := v.texts[lang][Clip(name)]; !ok || twice || name == "" || text == "" {
				v.err = fmt.Errorf("words of %s: %q is no clip's name and words, or is there twice", lang, line)
				return v
			}
			v.names[lang] = append(v.names[lang], Clip(name))
			v.texts[lang][Clip(name)] = text
		}
	}
	return v
}

// amount says rupees and paise. Hindi puts nothing between the two.
func amount(lang string, p protocol.Paise) []Clip {
	rupees, paise := int64(p)/100, int64(p)%100
	var clips []Clip
	if rupees > 0 {
		clips = append(number(lang, rupees), one(rupees, "rupee", "rupees"))
		if paise > 0 && lang == English {
			clips = append(clips, "and")
		}
	}
	if paise > 0 {
		clips = append(append(clips, number(lang, paise)...), one(paise, "paisa", "paise"))
	}
	return clips
}

func one(n int64, singular, plural Clip) Clip {
	if n == 1 {
		return singular
	}
	return plural
}

// number says n, at least 1, the Indian way: so many crore, lakh, thousand,
// hundred, and the rest. Hindi has a word for each number up to 99, English makes
// them of tens and ones.
func number(lang string, n int64) []Clip {
	var clips []Clip
	for _, unit := range []struct {
		size int64
		clip Clip
	}{{1_00_00_000, "crore"}, {1_00_000, "lakh"}, {1_000, "thousand"}, {100, "hundred"}} {
		if count := n / unit.size; count > 0 {
			clips = append(append(clips, number(lang, count)...), unit.clip)
			n %= unit.size
		}
	}
	if ones := n % 10; lang == English && n > 20 && ones > 0 {
		return append(clips, Clip(fmt.Sprint(n-ones)), Clip(fmt.Sprint(ones)))
	}
	if n > 0 {
		clips = append(clips, Clip(fmt.Sprint(n)))
	}
	return clips
}
