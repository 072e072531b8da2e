package payment

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestReasons: every constant of a reason has one row with a meaning, and no row
// is of anything else.
func TestReasons(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "payment.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		constants[word] = true
		return true
	})
	rows := map[string]bool{}
	for _, row := range Reasons {
		if rows[row.Reason] || !constants[row.Reason] {
			t.Errorf("%s is there twice, or is no reason", row.Reason)
		}
		if !strings.HasSuffix(row.Meaning, ".") {
			t.Errorf("%s: %q is no sentence", row.Reason, row.Meaning)
		}
		rows[row.Reason] = true
	}
	for word := range constants {
		if !rows[word] {
			t.Errorf("%s has no row", word)
		}
	}
	if len(constants) < 10 {
		t.Fatalf("only %d reasons were found in payment.go", len(constants))
	}
}
