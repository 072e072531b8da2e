package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// pkg is what `go list -json` says of one package.
type pkg struct {
	ImportPath   string
	Name         string
	Dir          string
	Standard     bool
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Error        *struct{ Err string }
}

// world is every package of ours with all they depend on.
type world struct {
	packages map[string]*pkg // by import path
}

// ours lists our packages by path.
func (w *world) ours() []*pkg {
	var list []*pkg
	for _, p := range w.packages {
		if strings.HasPrefix(p.ImportPath, prefix) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *pkg) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return list
}

// findRoot goes up from folder to the one that holds go.work.
func findRoot(folder string) (string, error) {
	dir, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.work in %s or above", folder)
		}
		dir = parent
	}
}

// load lists all packages of the workspace at root and what they import.
func load(root string) (*world, error) {
	dirs, err := goList(root, "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	// -e: a package that does not compile still has imports to judge.
	args := []string{"-e", "-deps", "-json=ImportPath,Name,Dir,Standard,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Error"}
	for dir := range strings.FieldsSeq(string(dirs)) {
		args = append(args, filepath.Join(dir, "..."))
	}
	out, err := goList(root, args...)
	if err != nil {
		return nil, err
	}
	w := &world{packages: map[string]*pkg{}}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		w.packages[p.ImportPath] = &p
	}
	if len(w.ours()) == 0 {
		return nil, fmt.Errorf("no packages below %s in %s", prefix, root)
	}
	return w, nil
}

func goList(root string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK="+filepath.Join(root, "go.work")) // also where a module is tested alone
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, errs.String())
	}
	return out, nil
}
