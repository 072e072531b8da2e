package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// These tests hold the whole repository to rules that no compiler knows.

func root(t *testing.T) string {
	t.Helper()
	dir, err := findRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// repoFiles lists, relative to the root, the files that are in git or would be
// added to it.
func repoFiles(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("git ls-files:", err)
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		// A file may be gone from the tree and still be in the index.
		if info, err := os.Stat(filepath.Join(root(t), name)); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	if len(files) < 10 {
		t.Fatalf("only %d files: this is not the repository", len(files))
	}
	return files
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Each package says what it is in exactly one comment; a package of tests only
// says it in one of them.
func TestEveryPackageHasOnePackageComment(t *testing.T) {
	t.Parallel()
	w, err := load(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.ours() {
		files := append(p.GoFiles, p.CgoFiles...)
		if len(files) == 0 {
			files = append(p.TestGoFiles, p.XTestGoFiles...)
		}
		if len(files) == 0 {
			continue // nothing for this platform
		}
		var comments []string
		name := p.Name
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Error(err)
				continue
			}
			if text := parsed.Doc.Text(); text != "" {
				comments = append(comments, text)
			}
		}
		if len(comments) != 1 {
			t.Errorf("%s has %d package comments, want 1", short(p.ImportPath), len(comments))
			continue
		}
		want := "Package " + name + " "
		if name == "main" {
			want = "Command " + filepath.Base(p.Dir) + " "
		}
		if !strings.HasPrefix(strings.ReplaceAll(comments[0], "\n", " "), want) {
			t.Errorf("%s: the package comment starts %q, want %q", short(p.ImportPath), firstLine(comments[0]), want)
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// unfinished are the words of work left for later. They are written so that
// this file does not hold them.
var unfinished = []*regexp.Regexp{
	regexp.MustCompile(`\bTO` + `DO\b`),
	regexp.MustCompile(`\bFIX` + `ME\b`),
	regexp.MustCompile(`\b[tbf]\.Sk` + `ip(Now|f)?\(`),
	regexp.MustCompile(`panic\("(not |un)impl` + `emented`),
}

func TestNoGoFileIsUnfinished(t *testing.T) {
	t.Parallel()
	for _, name := range repoFiles(t) {
		if filepath.Ext(name) != ".go" {
			continue
		}
		for _, line := range linesWith(read(t, name), unfinished) {
			t.Errorf("%s:%s", name, line)
		}
	}
}

// foreign are words that are true on one machine only.
var foreign = []*regexp.Regexp{
	regexp.MustCompile(`(^|[^\w.-])/wo` + `rk/`),
	regexp.MustCompile(`(^|[^\w.-])/ro` + `ot/`),
	regexp.MustCompile(`\.\./sha` + `red\b`),
	regexp.MustCompile(`\bsha` + `red/(reference|seeds|DESIGN)`),
	regexp.MustCompile(`\bpro` + `xy\.golang\.org`),
	regexp.MustCompile(`\bsu` + `m\.golang\.org`),
	regexp.MustCompile(`\bregi` + `stry\.(npmjs\.org|yarnpkg\.com)`),
	regexp.MustCompile(`\b(files\.python` + `hosted|pypi)\.org`),
	regexp.MustCompile(`\b(index|static)\.cra` + `tes\.io`),
	regexp.MustCompile(`\brepo1?\.mav` + `en\.org`),
	regexp.MustCompile(`\b(deb|security)\.deb` + `ian\.org`),
}

func TestNoFileNamesOneMachine(t *testing.T) {
	t.Parallel()
	for _, name := range repoFiles(t) {
		text := read(t, name)
		if bytes.IndexByte([]byte(text), 0) >= 0 {
			continue // a picture, a font
		}
		for _, line := range linesWith(text, foreign) {
			t.Errorf("%s:%s", name, line)
		}
	}
}

// linesWith lists "number: line" of the lines that any word matches.
func linesWith(text string, words []*regexp.Regexp) []string {
	var found []string
	for _, word := range words {
		if !word.MatchString(text) {
			continue // most files: one look
		}
		for i, line := range strings.Split(text, "\n") {
			if word.MatchString(line) {
				found = append(found, fmt.Sprintf("%d: %s", i+1, strings.TrimSpace(line)))
			}
		}
	}
	return found
}

func TestForbiddenWordsAreSeen(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		words []*regexp.Regexp
		line  string
		want  bool
	}{
		{unfinished, "// TO" + "DO: later", true},
		{unfinished, "// FIX" + "ME", true},
		{unfinished, "	t.Sk" + "ip(\"no server\")", true},
		{unfinished, "	b.Sk" + "ipf(\"%d\", 1)", true},
		{unfinished, "	panic(\"not impl" + "emented\")", true},
		{unfinished, "dec.Skip() // of a decoder", false},
		{unfinished, "mastodonTO" + "DOS", false},
		{foreign, "see /wo" + "rk/main", true},
		{foreign, "/wo" + "rk/main", true},
		{foreign, "http://127.0.0.1/network/off", false},
		{foreign, "deploy/.github/wo" + "rk/x", false},
		{foreign, "as ../sha" + "red/x says", true},
		{foreign, "GOPROXY=https://pro" + "xy.golang.org,direct", true},
		{foreign, "https://regi" + "stry.npmjs.org/x", true},
		{foreign, "a shared/cluster", false},
	} {
		if got := len(linesWith(row.line, row.words)) > 0; got != row.want {
			t.Errorf("%q: seen %v, want %v", row.line, got, row.want)
		}
	}
}

const lifeSteps = 10

var (
	lifeHeading = regexp.MustCompile(`(?m)^#+ The life of a payment\s*$`)
	lifeLine    = regexp.MustCompile(`^(\d+)\. (.+)$`)
	lifeComment = regexp.MustCompile(`^Life of a payment, step (\d+): (.+)$`)
)

// The story is told twice, in README.md as a numbered list below its heading and
// in the code as one comment for each step, where the step happens:
//
//	// Life of a payment, step 3: The journal commits ...
//
// A step may go over several lines, in the list when they are indented, in the
// comment up to its end or an empty line. The words are the same.
func TestLifeOfAPaymentIsOneStory(t *testing.T) {
	t.Parallel()
	want := storyInReadme(read(t, "README.md"))
	got := map[int][]string{} // step -> "words" as found
	where := map[int][]string{}
	for _, name := range repoFiles(t) {
		if filepath.Ext(name) != ".go" {
			continue
		}
		steps, err := storyInCode(read(t, name))
		if err != nil {
			t.Error(name, err)
		}
		for n, words := range steps {
			got[n] = append(got[n], words...)
			for range words {
				where[n] = append(where[n], name)
			}
		}
	}
	if len(want) != lifeSteps {
		t.Errorf("README.md tells %d steps below its heading \"The life of a payment\", want %d", len(want), lifeSteps)
	}
	for n := 1; n <= lifeSteps; n++ {
		switch {
		case len(got[n]) != 1:
			t.Errorf("step %d is told by %d comments, want 1: %v", n, len(got[n]), where[n])
		case got[n][0] != want[n]:
			t.Errorf("step %d differs:\nREADME.md: %s\n%s: %s", n, want[n], where[n][0], got[n][0])
		}
		delete(got, n)
	}
	for n := range got {
		t.Errorf("there is no step %d: %v", n, where[n])
	}
}

// storyInReadme reads the numbered list below the heading, up to the next one.
func storyInReadme(text string) map[int]string {
	story := map[int]string{}
	at := lifeHeading.FindStringIndex(text)
	if at == nil {
		return story
	}
	n := 0
	for line := range strings.Lines(text[at[1]:]) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") {
			break
		}
		if m := lifeLine.FindStringSubmatch(line); m != nil {
			n, _ = strconv.Atoi(m[1]) // digits
			story[n] = strings.TrimSpace(m[2])
		} else if n != 0 && strings.HasPrefix(line, " ") {
			story[n] += " " + strings.TrimSpace(line)
		} else {
			n = 0
		}
	}
	return story
}

// storyInCode reads the comments of one Go file.
func storyInCode(source string) (map[int][]string, error) {
	if !strings.Contains(source, "Life of a payment, step ") {
		return nil, nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	story := map[int][]string{}
	for _, group := range file.Comments {
		n := 0
		for _, line := range strings.Split(commentText(group), "\n") {
			if m := lifeComment.FindStringSubmatch(line); m != nil {
				n, _ = strconv.Atoi(m[1]) // digits
				story[n] = append(story[n], strings.TrimSpace(m[2]))
			} else if line == "" {
				n = 0
			} else if n != 0 {
				story[n][len(story[n])-1] += " " + line
			}
		}
	}
	return story, nil
}

// commentText is a comment without its slashes, line by line.
func commentText(group *ast.CommentGroup) string {
	var lines []string
	for _, c := range group.List {
		lines = append(lines, strings.TrimSpace(strings.TrimPrefix(c.Text, "//")))
	}
	return strings.Join(lines, "\n")
}

func TestStoryIsRead(t *testing.T) {
	t.Parallel()
	readme := storyInReadme("# Galla\n1. Not this.\n\n## The life of a payment\n\nTen steps:\n\n1. POS signs\n   and posts.\n2. It is decided.\n\nDone.\n3. Told.\n## Next\n4. Not this.\n")
	code, err := storyInCode("package x\n\n// f does it.\n//\n// Life of a payment, step 1: POS signs\n// and posts.\n//\n// More.\nfunc f() {\n\t// Life of a payment, step 2: It is decided.\n\tg(`// Life of a payment, step 9: no comment`)\n\t// Life of a payment, step 3: Told.\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{1: "POS signs and posts.", 2: "It is decided.", 3: "Told."}
	if len(readme) != len(want) || len(code) != len(want) {
		t.Errorf("README has %v, code has %v", readme, code)
	}
	for n, words := range want {
		if readme[n] != words {
			t.Errorf("README step %d: %q, want %q", n, readme[n], words)
		}
		if len(code[n]) != 1 || code[n][0] != words {
			t.Errorf("code step %d: %q, want %q", n, code[n], words)
		}
	}
}
