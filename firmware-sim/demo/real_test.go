package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildController builds the real controller. It is another module, and meets
// this one only as a program.
func buildController(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "galla-controller")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/galla-controller")
	build.Dir = filepath.Join("..", "..", "controller")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the controller: %v\n%s", err, out)
	}
	return bin
}

// killer kills the controller when the timeline says certain things, each once
// and each a few milliseconds later, so that the blow falls into the middle of
// what was announced.
type killer struct {
	mu   sync.Mutex
	text bytes.Buffer
	rest []blow // that have not fallen
	pid  int
}

// blow is one kill: after a line that has all of these words, and a delay.
type blow struct {
	words []string
	delay time.Duration
}

var processLine = regexp.MustCompile(`ready after \d+ ms, process (\d+)`)

// Write is called with whole lines, and while the demo waits for it.
func (k *killer) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.text.Write(b)
	if found := processLine.FindSubmatch(b); found != nil {
		k.pid, _ = strconv.Atoi(string(found[1]))
	}
	for i, blow := range k.rest {
		all := k.pid != 0
		for _, word := range blow.words {
			all = all && bytes.Contains(b, []byte(word))
		}
		if !all {
			continue
		}
		pid := k.pid
		k.pid = 0 // until the next one is ready
		k.rest = append(k.rest[:i:i], k.rest[i+1:]...)
		time.AfterFunc(blow.delay, func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		break
	}
	return len(b), nil
}

func (k *killer) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// The demo on the real controller.
func TestReal(t *testing.T) {
	t.Parallel()
	bin := buildController(t)
	const ms = time.Millisecond
	for _, tt := range []struct {
		name  string
		blows []blow
	}{
		{"script undisturbed", nil},
		{"script killed around the sales", []blow{
			{[]string{"ready after"}, 0},
			{[]string{"terminal 2", "idle"}, 0},
			{[]string{"till", "POST"}, 0},
			{[]string{"terminal 1", "presenting"}, 2 * ms},
			{[]string{"terminal 2", "off: Off"}, 0},
		}},
		{"script killed around the payments", []blow{
			{[]string{"phone", "ReqValQr"}, 0},
			{[]string{"phone", "RespValQr"}, 3 * ms},
			{[]string{"phone", "ReqPay"}, 4 * ms},
			{[]string{"phone", "RespPay"}, 0},
		}},
		{"script killed around the ends", []blow{
			{[]string{"phone", "RespPay"}, 1 * ms},
			{[]string{"terminal 1", "result"}, 0},
			{[]string{"callback", "received"}, 0},
			{[]string{"status EXPIRED"}, 0},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			playScript(t, bin, tt.blows)
		})
	}
	t.Run("page", func(t *testing.T) {
		t.Parallel()
		useThePage(t, bin)
	})
}

// playScript runs the script while the controller is killed in the middle of
// what matters. No payment is lost and none is made twice: the script checks
// every one of them at its end.
func playScript(t *testing.T, bin string, blows []blow) {
	k := &killer{rest: blows}
	cfg := testConfig(t)
	cfg.ControllerBin, cfg.Script, cfg.Out = bin, true, k
	cfg.DataDir = t.TempDir()
	if err := Run(t.Context(), cfg); err != nil {
		log, _ := os.ReadFile(filepath.Join(cfg.DataDir, "controller.log"))
		lines := strings.Split(string(log), "\n")
		t.Fatalf("%v\n%s\nthe controller's last lines:\n%s", err, k, strings.Join(lines[max(0, len(lines)-30):], "\n"))
	}
	// A line that comes while the controller is down anyway strikes nothing, and
	// may not come again.
	if fell := len(blows) - len(k.rest); fell < min(2, len(blows)) {
		t.Fatalf("only %d blows fell, not these: %v\n%s", fell, k.rest, k)
	}
	for _, want := range []string{"ok: paid is SUCCESS", "ok: declined is FAILED", "ok: expired is EXPIRED", "ok: power lost is SUCCESS"} {
		if !strings.Contains(k.String(), want) {
			t.Errorf("not printed: %s", want)
		}
	}
}

// useThePage makes a sale on the demo's page and pays it there, makes another
// and has it declined, and pastes the printed command.
func useThePage(t *testing.T, bin string) {
	cfg := testConfig(t)
	cfg.ControllerBin = bin
	out := newWaitable()
	cfg.Out = out
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	base := strings.Fields(out.await(t, `Page +http://[0-9.:]+`))[1]
	out.await(t, `terminal 1 +idle`)
	out.await(t, `terminal 2 +idle`)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	post := func(path, body string, status int) []byte {
		t.Helper()
		answer, err := client.Post(base+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != status {
			t.Fatalf("POST %s = %d %s, %v", path, answer.StatusCode, text, err)
		}
		return text
	}
	for _, tt := range []struct{ terminal, amount, press, status, shown string }{
		{"1", "245.00", "pay", "status SUCCESS", "result: Received ₹245.00"},
		{"2", "12.34", "decline", "status FAILED, UPI:IP08", "result: Payment failed: UPI:IP08"},
	} {
		var sale struct{ MerchantTransactionID string }
		body := post("/sales", `{"terminal":`+tt.terminal+`,"amount":"`+tt.amount+`"}`, 202)
		if err := json.Unmarshal(body, &sale); err != nil || sale.MerchantTransactionID == "" {
			t.Fatalf("the sale is answered %s, %v", body, err)
		}
		id := sale.MerchantTransactionID
		out.await(t, "terminal "+tt.terminal+" +"+id+"  presenting: Scan to pay ₹"+tt.amount)
		post("/terminals/"+tt.terminal+"/"+tt.press, "", 202)
		out.await(t, "till +"+id+"  "+tt.status)
		out.await(t, "terminal "+tt.terminal+" +"+id+"  "+tt.shown)
		out.await(t, "callback +"+id+"  received: ")
		post("/terminals/"+tt.terminal+"/pay", "", 409)
	}
	// The command as it was printed: its sale waits behind the PAID that is on
	// the glass.
	printed := out.await(t, `(?s)curl -s .*?"}'`)
	answer, err := exec.CommandContext(t.Context(), "sh", "-c", printed).CombinedOutput()
	if err != nil || !strings.Contains(string(answer), `"code":"SUCCESS"`) {
		t.Fatalf("%s\n%s\n%v", printed, answer, err)
	}
	out.await(t, `terminal 1 +DEMO-[0-9a-f-]+  presenting: Scan to pay ₹245.00(?s:.*)terminal 1 +DEMO-[0-9a-f-]+  presenting: Scan to pay ₹245.00`)
}

// waitable is an output that can be waited on.
type waitable struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newWaitable() *waitable { return &waitable{changed: make(chan struct{})} }

func (w *waitable) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
	return w.text.Write(b)
}

// await returns the first match of what was printed, or fails.
func (w *waitable) await(t *testing.T, pattern string) string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		w.mu.Lock()
		text, changed := w.text.String(), w.changed
		w.mu.Unlock()
		if found := expression.FindString(text); found != "" {
			return found
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("not printed: %s\n%s", pattern, text)
		}
	}
}
