// Package merchantapits holds no Go: @galla/merchantapi, the TypeScript client,
// lives in this folder, and these tests run its own against the conformance
// server of merchantapitest, so that go test ./... sees them.
package merchantapits

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/merchantapi/merchantapitest"
)

// program finds what a test needs, or fails it and says how to get it.
func program(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not here; make setup, or: apt-get install %s", name, debian)
	}
	return path
}

func TestClient(t *testing.T) {
	t.Parallel()
	node := program(t, "node", "nodejs")
	server := httptest.NewServer(merchantapitest.New(nil))
	defer server.Close()
	files, err := filepath.Glob("test/*.test.js")
	if err != nil || len(files) != 3 {
		t.Fatalf("test files %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.js"), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), node, "--test", file)
			cmd.Env = append(os.Environ(), "GALLA_TEST_URL="+server.URL, "NODE_NO_WARNINGS=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("node --test %s: %v\n%s", file, err, out)
			}
		})
	}
}

// The declarations are read by a real compiler: what they allow is compiled, and
// what they forbid has to be an error (test/types.ts), as has the example.
func TestTypes(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), program(t, "tsc", "node-typescript"), "--project", "test")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
}
