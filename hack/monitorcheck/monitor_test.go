// Package monitorcheck holds deploy/prometheus and deploy/grafana against
// Prometheus itself and a running controller: every alert is tried, every query
// of the board is asked. It is tests only. It meets the controller over HTTP,
// and starts every server that it needs.
package monitorcheck

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	root = "../.."
	// patience is how long anything may take before a test has failed.
	patience = 2 * time.Minute
	// again is how often a question is repeated meanwhile.
	again = 200 * time.Millisecond
	// logTail is how many bytes of a server's log a failure shows.
	logTail = 2000
)

// program finds a program that `make setup` installs.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s not found: apt-get install prometheus", name)
	}
	return path
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// server is a program under test. It ends with the test.
type server struct {
	name string
	cmd  *exec.Cmd
	mu   sync.Mutex
	out  strings.Builder
	line chan struct{} // has a token when a line was added
	done chan struct{}
}

func start(t *testing.T, name string, env []string, path string, args ...string) *server {
	t.Helper()
	s := &server{name: name, cmd: exec.Command(path, args...), line: make(chan struct{}, 1), done: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go s.listen(r)
	t.Cleanup(func() { s.stop(t) })
	return s
}

// listen keeps the output, and says when there is more.
func (s *server) listen(r io.ReadCloser) {
	defer r.Close()
	for lines := bufio.NewReader(r); ; {
		text, err := lines.ReadString('\n')
		s.mu.Lock()
		s.out.WriteString(text)
		s.mu.Unlock()
		select {
		case s.line <- struct{}{}:
		default:
		}
		if err != nil {
			break
		}
	}
	_ = s.cmd.Wait() // how it ends is not news
	close(s.done)
}

func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func (s *server) stop(t *testing.T) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
		t.Errorf("%s did not stop on SIGTERM", s.name)
	}
	if log := s.log(); t.Failed() {
		t.Logf("%s ended with:\n%s", s.name, log[max(0, len(log)-logTail):])
	}
}

// says waits until the server has printed what form matches, and returns what
// its first group is.
func (s *server) says(t *testing.T, form *regexp.Regexp) string {
	t.Helper()
	late := time.After(patience)
	for {
		if m := form.FindStringSubmatch(s.log()); m != nil {
			return m[1]
		}
		select {
		case <-s.line:
		case <-s.done:
			t.Fatalf("%s has ended", s.name)
		case <-late:
			t.Fatalf("%s did not say %s", s.name, form)
		}
	}
}

// until asks again and again until ask is content (""), or fails with what it
// missed last.
func until(t *testing.T, what string, ask func(context.Context) (missing string)) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		missing := ask(t.Context())
		if missing == "" {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not within %v: %s", what, patience, missing)
		}
	}
}

// listening is how Prometheus says where it is.
var listening = regexp.MustCompile(`msg="Listening on".* address=(127\.0\.0\.1:\d+)`)

// prometheus is a running Prometheus.
type prometheus struct {
	*server
	url string
}

func startPrometheus(t *testing.T, config string) prometheus {
	t.Helper()
	s := start(t, "prometheus", nil, program(t, "prometheus"),
		"--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address=127.0.0.1:0")
	p := prometheus{s, "http://" + s.says(t, listening)}
	until(t, "prometheus ready", func(ctx context.Context) string {
		if status, body := get(ctx, p.url+"/-/ready"); status != http.StatusOK {
			return body
		}
		return ""
	})
	return p
}

// api asks Prometheus and reads what it answers into data.
func (p prometheus) api(ctx context.Context, path string, query url.Values, data any) error {
	status, body := get(ctx, p.url+"/api/v1/"+path+"?"+query.Encode())
	answer := struct {
		Status, Error string
		Data          json.RawMessage
	}{}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return fmt.Errorf("%d %s: %w", status, body, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", query, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// rule is a recording or an alerting rule, as Prometheus has read it.
type rule struct {
	Type, Name, Query, Health, LastError string
	Labels, Annotations                  map[string]string
}

func (p prometheus) rules(ctx context.Context) ([]rule, error) {
	var data struct {
		Groups []struct{ Rules []rule }
	}
	err := p.api(ctx, "rules", nil, &data)
	var all []rule
	for _, group := range data.Groups {
		all = append(all, group.Rules...)
	}
	return all, err
}

// get fetches a URL; a failure is status 0 and its text.
func get(ctx context.Context, url string) (status int, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	return do(r)
}

func do(r *http.Request) (status int, body string) {
	client := http.Client{Timeout: 20 * time.Second}
	response, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(b)
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
