// Package examples holds no Go of its own: the examples for POS developers are
// sale.sh, sale.py, the command in sale/ and the TypeScript one in
// merchantapi-ts. run.sh runs them all against a server; these tests run them
// against the conformance server, which checks every request they sign.
package examples

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/merchantapi/merchantapitest"
	"github.com/galla-pay/galla/protocol/xverify"
)

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

var languages = []string{"curl", "python", "go", "typescript"}

func TestExamples(t *testing.T) {
	t.Parallel()
	for program, debian := range map[string]string{"curl": "curl", "python3": "python3", "node": "nodejs", "sha256sum": "coreutils"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not here; make setup, or: apt-get install %s", program, debian)
		}
	}
	for _, row := range []struct {
		name   string
		args   []string
		faults []string // of each example's first requests
		want   string   // of each example, ID for its transaction id
		inits  int
	}{
		{"once", []string{"--once"}, nil, `ID PENDING ?`, 1},
		{"to the end", []string{"--expires-in", "2"}, nil, `ID PENDING ?\nID EXPIRED QR_EXPIRED`, 1},
		{"the answer to the init is lost", []string{"--once"}, []string{merchantapitest.LostAfter, ""},
			`ID the answer is lost: asking for the status\nID PENDING ?`, 1},
		{"the init is not final", []string{"--once"}, []string{merchantapitest.Internal, ""},
			`ID the answer is lost: asking for the status\nID PENDING ?`, 1},
		{"too many requests", []string{"--once"}, []string{merchantapitest.TooMany, "", ""}, `ID PENDING ?`, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := merchantapitest.New(nil)
			server := httptest.NewServer(s)
			defer server.Close()
			for range languages {
				s.Fail(merchantapitest.Anything, row.faults...)
			}
			out := run(t, "./run.sh", append([]string{server.URL + merchantapitest.Prefix}, row.args...)...)
			for _, language := range languages {
				_, part, found := strings.Cut(out, "== "+language+"\n")
				part, _, _ = strings.Cut(part, "== ")
				want := regexp.MustCompile("^" + strings.ReplaceAll(row.want, "ID", "[A-Z]{2}-[A-Za-z0-9-]+") + "\n$")
				if !found || !want.MatchString(part) {
					t.Errorf("%s printed\n%swant %s", language, part, want)
				}
				id, _, _ := strings.Cut(part, " ")
				inits := 0
				for _, seen := range s.Requests(id) {
					if seen.Path == "/v1/payment/init" && seen.Payload["amount"] == 245.0 {
						inits++
					}
				}
				if inits != row.inits {
					t.Errorf("%s asked %d times for the money, want %d", language, inits, row.inits)
				}
			}
		})
	}
}

func TestRunNamesWhatFails(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(merchantapitest.New(nil))
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), "./run.sh", server.URL, "--once")
	cmd.Env = append(os.Environ(), "GALLA_SALT_KEY=wrong")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("a wrong key is fine with it:\n%s", out)
	}
	for _, language := range languages {
		if !strings.Contains(string(out), language+" failed\n") {
			t.Errorf("%s did not fail:\n%s", language, out)
		}
	}
}

// The shell one-liner of the README, as it is printed, makes the same header as
// package xverify.
func TestOneLiner(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(B=.*?)\n```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the README prints no one-liner")
	}
	dir := t.TempDir()
	for i, sale := range []string{`{"amount":100}`, "{\n  \"message\": \"चाय > ₹2 ?\"\n}\n", `{"long":"` + strings.Repeat("x", 500) + `"}`} {
		if err := os.WriteFile(filepath.Join(dir, "sale.json"), []byte(sale), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-euc", string(block[1])+"\nprintf '%s\\n%s\\n' \"$B\" \"$X\"")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		encoded := xverify.EncodeBody([]byte(sale))
		want := fmt.Sprintf("%s\n%s\n", encoded, xverify.Header(encoded, "/v1/payment/init", "sandbox-merchant-key", 1))
		if string(out) != want {
			t.Errorf("%d: it makes\n%swant\n%s", i, out, want)
		}
	}
}
