package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
)

// clockWords of package time look at the clock or wait for it. Durations and
// times that were handed in are free to use.
var clockWords = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// clockReads lists the places where the package's own files (not its tests) ask
// for the time: a decision's time is the database's (DESIGN 3.1), a machine's
// time comes with its event.
func clockReads(p *pkg) ([]string, error) {
	var found []string
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			return nil, err
		}
		local := ""
		for _, imp := range file.Imports {
			if imp.Path.Value == `"time"` {
				if local = "time"; imp.Name != nil {
					local = imp.Name.Name
				}
			}
		}
		if local == "" {
			continue
		}
		report := func(pos token.Pos, word string) {
			found = append(found, fmt.Sprintf("%s/%s:%d uses time.%s: a pure package is told the time, it never asks",
				short(p.ImportPath), name, set.Position(pos).Line, word))
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == local && slices.Contains(clockWords, n.Sel.Name) {
					report(n.Pos(), n.Sel.Name)
				}
				return true
			case *ast.Ident:
				if local == "." && slices.Contains(clockWords, n.Name) {
					report(n.Pos(), n.Name)
				}
			}
			return true
		})
	}
	return found, nil
}
