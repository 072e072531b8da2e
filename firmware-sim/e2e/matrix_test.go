package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cells are those of the failure matrix that are the terminal's: broker, terminal
// and clock of each of its twelve steps, and the races and odd cases that name it.
func cells() []string {
	var all []string
	for step := 1; step <= 12; step++ {
		for _, column := range []string{"B", "T", "K"} {
			all = append(all, fmt.Sprintf("S%d.%s", step, column))
		}
	}
	return append(all, "R4", "R8", "R9", "R10", "R17", "R20", "R21", "R24")
}

// section is how a cell's part of a session begins.
var section = regexp.MustCompile(`(?m)^# ([SR]\d+(?:\.[A-Z])?): \S`)

// TestFailureMatrix: every cell is in the index, once, and whatever the index says
// shows it is there; and no section of a session is missing in the index.
func TestFailureMatrix(t *testing.T) {
	t.Parallel()
	shown := readIndex(t)
	for _, cell := range cells() {
		if len(shown[cell]) == 0 {
			t.Errorf("%s is shown by nothing", cell)
		}
	}
	for cell, by := range shown {
		if !slices.Contains(cells(), cell) {
			t.Errorf("there is no cell %s", cell)
		}
		if by[0] == "-" {
			if len(by) < 2 {
				t.Errorf("%s: no reason", cell)
			}
			continue
		}
		for _, word := range by {
			if err := exists(cell, word); err != nil {
				t.Errorf("%s: %v", cell, err)
			}
		}
	}
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, file := range scripts {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		for _, found := range section.FindAllSubmatch(text, -1) {
			// A whole step, as the head of its session, is no cell.
			if cell := string(found[1]); cell[0] == 'R' || strings.Contains(cell, ".") {
				if !slices.Contains(shown[cell], name) {
					t.Errorf("%s shows %s, and the index does not know", name, cell)
				}
			}
		}
	}
}

// readIndex reads testdata/matrix.golden: what shows each cell.
func readIndex(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/matrix.golden")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if _, twice := shown[words[0]]; twice {
			t.Errorf("%s is there twice", words[0])
		}
		shown[words[0]] = words[1:]
	}
	return shown
}

// exists looks for what shows a cell: a session with its section, or a Go test.
func exists(cell, word string) error {
	folder, test, isGo := strings.Cut(word, ".")
	if !isGo {
		text, err := os.ReadFile("testdata/" + word + ".txt")
		if err != nil {
			return err
		}
		for _, found := range section.FindAllSubmatch(text, -1) {
			if string(found[1]) == cell {
				return nil
			}
		}
		return fmt.Errorf("%s has no section of it", word)
	}
	files, err := filepath.Glob("../../" + folder + "/*_test.go")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if strings.Contains(string(text), "\nfunc "+test+"(t *testing.T) {") {
			return nil
		}
	}
	return fmt.Errorf("there is no test %s in %s", test, folder)
}
