package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
)

// testConfig is a demo on free ports whose controller is the test binary.
func testConfig(t *testing.T) Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const free = "127.0.0.1:0"
	return Config{ControllerBin: self, Out: io.Discard, Version: "test", HTTP: free, MQTT: free, Page: free, Terminals: free, Network: free}
}

// page is a stage on which nothing has power, and its page.
func page(t *testing.T) (*stage, *httptest.Server, *http.Client) {
	t.Helper()
	s, err := open(testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(s.pageHandler(running))
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		stop()
		client.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s, server, client
}

func TestPageTable(t *testing.T) {
	t.Parallel()
	s, server, client := page(t)
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/", "", 200, "MST2603301758302811969831"},
		{"GET", "/demo.css", "", 200, ".board"},
		{"GET", "/demo.js", "", 200, "listen("},
		{"GET", "/base.css", "", 200, ".lamp"},
		{"GET", "/device.js", "", 200, "class Device"},
		{"GET", "/curl", "", 200, "curl -s " + s.till.url + "/v1/payment/init"},
		{"POST", "/terminals/1/network/off", "", 200, `"network":false`},
		{"POST", "/terminals/2/power/off", "", 200, `"power":false`},

		{"GET", "/terminals/1/card", "", 200, `{"doing":"idle","ledger":[]}`},

		{"POST", "/terminals/1/keys/accept", "", 409, "the terminal is off"},
		{"POST", "/terminals/1/keys/eject", "", 404, `there is no key \"eject\"`},
		{"POST", "/terminals/1/card/tap", "", 400, "a tap is a form or a JSON object"},
		{"POST", "/terminals/3/keys/accept", "", 404, "NOT_FOUND"},
		{"GET", "/terminals/1/keys/accept", "", 405, "METHOD_NOT_ALLOWED"},

		{"POST", "/terminals/1/power/maybe", "", 400, "power can be on or off"},
		{"POST", "/sales", "", 400, "a sale is"},
		{"POST", "/sales", "{", 400, "a sale is"},
		{"POST", "/sales", `{"terminal":1,"amount":"1.00","more":1}`, 400, "a sale is"},
		{"POST", "/sales", `{"terminal":0,"amount":"1.00"}`, 400, "terminal is 1 to 2, not 0"},
		{"POST", "/sales", `{"terminal":3,"amount":"1.00"}`, 400, "terminal is 1 to 2, not 3"},
		{"POST", "/sales", `{"terminal":1,"amount":"1,00"}`, 400, "rupees must be written"},
		{"POST", "/sales", `{"terminal":1,"amount":"-1"}`, 400, "rupees must be written"},
		{"POST", "/sales", `{"terminal":1,"amount":""}`, 400, "rupees must be written"},
		{"POST", "/sales", `{"terminal":1,"amount":"0"}`, 400, "amount is 1.00 to 8000.00"},
		{"POST", "/sales", `{"terminal":1,"amount":"8000.01"}`, 400, "amount is 1.00 to 8000.00"},
		{"POST", "/sales", `{"terminal":1,"amount":"1","expiresIn":-1}`, 400, "expiresIn is 1 to 1800"},
		{"POST", "/sales", `{"terminal":1,"amount":"1","expiresIn":1801}`, 400, "expiresIn is 1 to 1800"},
		{"POST", "/sales", `{"terminal":1,"amount":"` + strings.Repeat("1", pageBodyLimit) + `"}`, 400, "a sale is"},
		{"POST", "/callback", "{}", 400, "BAD_VALUE"},

		{"POST", "/terminals/1/pay", "", 409, "there is no QR on this terminal: Off"},
		{"POST", "/terminals/2/decline", "", 409, "there is no QR on this terminal: Off"},

		{"GET", "/sales", "", 405, "METHOD_NOT_ALLOWED"},
		{"GET", "/callback", "", 405, "METHOD_NOT_ALLOWED"},
		{"GET", "/terminals/1/pay", "", 405, "METHOD_NOT_ALLOWED"},
		{"POST", "/events", "", 405, "METHOD_NOT_ALLOWED"},

		{"POST", "/terminals/3/pay", "", 404, "NOT_FOUND"},
		{"POST", "/terminals/1/eat", "", 404, "NOT_FOUND"},
		{"GET", "/panel.png", "", 404, "NOT_FOUND"},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.body[:min(len(tt.body), 40)], func(t *testing.T) {
			request, err := http.NewRequest(tt.method, server.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != tt.status || !strings.Contains(string(body), tt.says) {
				t.Fatalf("%d %.300s; want %d %q", answer.StatusCode, body, tt.status, tt.says)
			}
			var failure web.Failure
			if tt.status >= 400 && (json.Unmarshal(body, &failure) != nil || failure.Code == "") {
				t.Fatalf("the refusal is %q", body)
			}
		})
	}
	if s.counters[0].State().Network || !s.counters[1].State().Network {
		t.Fatal("the switch worked another terminal")
	}
}

func TestPageGuarded(t *testing.T) {
	t.Parallel()
	s, server, client := page(t)
	request, err := http.NewRequest("POST", server.URL+"/terminals/1/network/off", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://evil.example")
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 403 || !s.counters[0].State().Network {
		t.Fatalf("a foreign page is answered %d", answer.StatusCode)
	}
	answer, err = client.Get(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || answer.Header.Get("Content-Security-Policy") == "" {
		t.Fatalf("no policy, %v", err)
	}
	for _, bad := range []string{"style=", "onclick", "<script>", "src=\"http"} {
		if strings.Contains(string(body), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, good := range []string{`<label for="amount">`, `<label for="terminal">`, `<label for="expires">`, `role="log"`, `aria-live="polite"`, `data-base="/terminals/2"`, `data-key="accept"`, `data-tap="approve"`} {
		if !strings.Contains(string(body), good) {
			t.Errorf("the page lacks %s", good)
		}
	}
}

// The stream carries the run, what happened so far, both terminals, and every
// change after that.
func TestPageEvents(t *testing.T) {
	t.Parallel()
	s, server, client := page(t)
	s.timeline.Add(whoTill, "TXN-1", "before")
	answer, err := client.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	scan := bufio.NewScanner(answer.Body)
	scan.Buffer(nil, 1<<20)
	name := ""
	next := func(want string, into any) {
		t.Helper()
		for scan.Scan() {
			if got, ok := strings.CutPrefix(scan.Text(), "event: "); ok {
				name = got
			}
			if data, ok := strings.CutPrefix(scan.Text(), "data: "); ok {
				if name != want {
					t.Fatalf("event %s, want %s", name, want)
				}
				if err := json.Unmarshal([]byte(data), into); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
		t.Fatalf("the stream ended before %s: %v", want, scan.Err())
	}
	var run string
	next("run", &run)
	if run != s.run {
		t.Fatalf("run %s, want %s", run, s.run)
	}
	var entry Entry
	next("entry", &entry)
	if entry.N != 1 || entry.What != "before" || entry.Payment != "TXN-1" {
		t.Fatalf("entry %+v", entry)
	}
	for number := 1; number <= 2; number++ {
		var state struct {
			Terminal int
			Data     terminal.View
		}
		next("state", &state)
		if state.Terminal != number || state.Data.Mode != protocol.ModeOff {
			t.Fatalf("state %+v", state)
		}
		var frame struct {
			Terminal int
			Data     terminal.Frame
		}
		next("frame", &frame)
		if frame.Terminal != number || !strings.HasPrefix(frame.Data.PNG, "data:image/png;base64,") {
			t.Fatalf("frame of %d: %.40s", frame.Terminal, frame.Data.PNG)
		}
	}
	s.timeline.Add(whoPhone, "TXN-1", "after")
	next("entry", &entry)
	if entry.N != 2 || entry.What != "after" {
		t.Fatalf("entry %+v", entry)
	}
}
