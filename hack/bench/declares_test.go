package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// declares reports whether a test file of the folder has that benchmark.
func declares(t *testing.T, folder, benchmark string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+benchmark+"(b *testing.B)") {
			return true
		}
	}
	return false
}
