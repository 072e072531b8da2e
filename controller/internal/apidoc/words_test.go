package apidoc

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestWords: the words are what the comments of the source say, cut to what a
// reader outside this project knows.
func TestWords(t *testing.T) {
	t.Parallel()
	all := map[string]typeWords{}
	for _, dir := range []string{"../../../protocol", "../admin"} {
		w := source{types: map[string]typeWords{}, names: map[string]string{}}
		w.read(t, dir)
		for name, said := range w.finished() {
			all[filepath.Base(dir)+"."+name] = said
		}
	}
	got := encode(all)
	if *update {
		if err := os.WriteFile("words.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(got) != string(wordsJSON) {
		t.Error("words.json is not what the comments of protocol and package admin say: run this test with -update")
	}
	for _, name := range []string{"protocol.State", "protocol.Fact", "admin.Merchant", "admin.Terminal"} {
		if len(wordsOf(name).Fields) == 0 {
			t.Errorf("nothing is said of the fields of %s", name)
		}
	}
	if v := wordsOf("protocol.Phase").Values; len(v) != 4 || v[0] != (valueWords{"offered", "not yet taken by a terminal"}) {
		t.Errorf("the phases are %v", v)
	}
}

// source is what was read of it.
type source struct {
	types map[string]typeWords
	names map[string]string // of a field or a constant in Go, to that in JSON
}

func (w source) read(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					w.addType(group, spec)
				case *ast.ValueSpec:
					w.addValue(spec)
				}
			}
		}
	}
}

func (w source) addType(group *ast.GenDecl, spec *ast.TypeSpec) {
	form, ok := spec.Type.(*ast.StructType)
	if !ok || !spec.Name.IsExported() {
		return
	}
	said := typeWords{Doc: group.Doc.Text(), Fields: map[string]string{}}
	for _, f := range form.Fields.List {
		if f.Tag == nil {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value)
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		said.Fields[name] = f.Doc.Text()
		if said.Fields[name] == "" {
			said.Fields[name] = f.Comment.Text()
		}
		for _, n := range f.Names {
			w.names[n.Name] = name
		}
	}
	if len(said.Fields) > 0 {
		w.types[spec.Name.Name] = said
	}
}

// addValue adds a constant of a type of words.
func (w source) addValue(spec *ast.ValueSpec) {
	kind, ok := spec.Type.(*ast.Ident)
	if !ok || len(spec.Values) != 1 {
		return
	}
	value, ok := spec.Values[0].(*ast.BasicLit)
	if !ok || value.Kind != token.STRING {
		return
	}
	word, _ := strconv.Unquote(value.Value)
	w.names[spec.Names[0].Name] = word
	doc := spec.Comment.Text()
	if doc == "" {
		// "PullTaken says ...": without the name of the constant.
		doc = strings.TrimPrefix(strings.TrimPrefix(spec.Doc.Text(), spec.Names[0].Name+" "), "is ")
	}
	said := w.types[kind.Name]
	said.Values = append(said.Values, valueWords{word, doc})
	w.types[kind.Name] = said
}

// foreign is what comments say that readers of the documents cannot know: sources,
// functions, Go's word for nothing; and what they are told instead.
var foreign = []struct {
	is   *regexp.Regexp
	told string
}{
	{regexp.MustCompile(`\s*\((DESIGN|failure matrix|phonepe-api|upi-switch|terminal-ux|PRD)[^)]*\)`), ""},
	{regexp.MustCompile(`\s*[A-Z]\w+ makes one, Open checks it\.`), ""},
	{regexp.MustCompile(`phonepe-api's`), "the payment API's"},
	{regexp.MustCompile(`\bnil\b`), "absent"},
}

var goName = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// finished are the words, on one line each, with fields such as AckSeq and
// constants such as PullOther called as they are in JSON.
func (w source) finished() map[string]typeWords {
	clean := func(doc string) string {
		for _, f := range foreign {
			doc = f.is.ReplaceAllString(doc, f.told)
		}
		doc = strings.Join(strings.Fields(doc), " ")
		return goName.ReplaceAllStringFunc(doc, func(word string) string {
			name, known := w.names[word]
			_, isType := w.types[word]
			// One capital may as well begin a sentence, and nothing but capitals is a
			// word of the trade.
			if inner := strings.ToLower(word[1:]) != word[1:]; !known || isType || !inner || word == strings.ToUpper(word) {
				return word
			}
			return name
		})
	}
	all := map[string]typeWords{}
	for name, said := range w.types {
		c := typeWords{Doc: clean(said.Doc), Fields: map[string]string{}}
		for f, doc := range said.Fields {
			if doc = clean(doc); doc != "" {
				c.Fields[f] = doc
			}
		}
		for _, v := range said.Values {
			c.Values = append(c.Values, valueWords{v.Value, clean(v.Doc)})
		}
		all[name] = c
	}
	return all
}
