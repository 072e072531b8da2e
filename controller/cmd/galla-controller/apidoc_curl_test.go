package main

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/apidoc"
)

var runnable = regexp.MustCompile(`(?s)<pre class="run" id="([^"]+)"><code>(.*?)</code></pre>`)

// TestCurl: every command that the pages print works as it is printed, with a
// shell and curl.
func TestCurl(t *testing.T) {
	t.Parallel()
	s := newTeller(t)
	shelf := bookshelf(t, true)
	commands := map[string]string{}
	for _, name := range pageNames(t, shelf) {
		for _, m := range runnable.FindAllStringSubmatch(get(t, shelf, "/docs/"+name), -1) {
			if commands[m[1]] != "" {
				t.Errorf("two commands are called %s", m[1])
			}
			commands[m[1]] = html.UnescapeString(m[2])
		}
	}
	home := t.TempDir()
	must(t, os.WriteFile(filepath.Join(home, ".curlrc"), []byte("write-out = \"\\n%{http_code}\"\n"), 0o600))
	shell := func(script string) told {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
		cmd.Env = append(os.Environ(), "CURL_HOME="+home, "no_proxy=127.0.0.1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v\n%s", script, err, out)
		}
		cut := bytes.LastIndexByte(out, '\n')
		status, err := strconv.Atoi(string(out[cut+1:]))
		if err != nil {
			t.Fatalf("%s\nprints %s", script, out)
		}
		return told{status: status, body: out[:cut]}
	}
	for _, e := range apidoc.Examples() {
		command, printed := commands[e.Name]
		if !printed {
			t.Errorf("%s is on no page", e.Name)
			continue
		}
		delete(commands, e.Name)
		a := shell(s.real(strings.ReplaceAll(command, "http://127.0.0.1:8080", s.host(e))))
		s.take(e, a)
		s.forms.answer(t, e.Name, e.Route, a)
		if want := apidoc.Answers()[e.Name].Status; a.status != want {
			t.Errorf("%s\nis answered %d, want %d: %s", command, a.status, want, a.body)
		}
	}
	// The first call of all, and its status, by the means of the shell alone.
	local := func(name string) string {
		command := commands[name]
		delete(commands, name)
		return strings.ReplaceAll(command, "http://127.0.0.1:8080", s.base)
	}
	first := local("first-call")
	a := shell(first)
	s.forms.answer(t, "first-call", "POST /v1/payment/init", a)
	id, _, _ := strings.Cut(first, "\n")
	var begun struct {
		Data struct{ TransactionID string }
	}
	must(t, json.Unmarshal(a.body, &begun))
	if a.status != http.StatusOK || !strings.HasPrefix(id, "ID=FIRST-") || !strings.HasPrefix(begun.Data.TransactionID, "FIRST-") {
		t.Fatalf("the first call is answered %d %s", a.status, a.body)
	}
	a = shell("ID=" + begun.Data.TransactionID + "\n" + local("first-status"))
	s.forms.answer(t, "first-status", "GET /v1/payment/{merchantId}/{id}/status", a)
	if a.status != http.StatusOK {
		t.Errorf("the first status is answered %d %s", a.status, a.body)
	}
	for name := range commands {
		t.Errorf("%s is printed, and was not run", name)
	}
}

// TestServedDocuments: the controller serves the documents of its own routes, with
// the deployment prefix and without.
func TestServedDocuments(t *testing.T) {
	t.Parallel()
	for _, sandbox := range []bool{true, false} {
		r := startController(t, func(c *serveCommand) { c.tlsFlags, c.Sandbox = tlsFlags{}, sandbox })
		for _, path := range []string{"/openapi.json", "/asyncapi.json", "/docs", "/docs/payments", "/enterprise-sandbox/docs", "/enterprise-sandbox/openapi.json"} {
			res, err := http.Get("http://" + r.http + path)
			must(t, err)
			body, err := io.ReadAll(res.Body)
			must(t, err)
			must(t, res.Body.Close())
			if res.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %.200s", path, res.StatusCode, body)
			}
			if has := bytes.Contains(body, []byte(`"/device/v1/sandbox-enrol"`)); strings.HasSuffix(path, "/openapi.json") && has != sandbox {
				t.Errorf("%s, sandbox %t: enrolment without a code is described: %t", path, sandbox, has)
			}
		}
	}
}
