package terminal_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"image"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
)

func TestServerTable(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	for _, tt := range []struct {
		method, path string
		status       int
		contentType  string
		says         string // somewhere in the body
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "testterminal1"},
		{"HEAD", "/", 200, "text/html; charset=utf-8", ""},
		{"GET", "/base.css", 200, "text/css; charset=utf-8", ".lamp"},
		{"GET", "/device.js", 200, "text/javascript; charset=utf-8", "class Device"},
		{"GET", "/terminal.js", 200, "text/javascript; charset=utf-8", "listen("},
		{"GET", "/panel.png", 200, "image/png", "PNG"},
		{"GET", "/state", 200, "application/json; charset=utf-8", `"mode":"off"`},
		{"POST", "/power/off", 200, "application/json; charset=utf-8", `"power":false`},
		{"POST", "/network/on", 200, "application/json; charset=utf-8", `"network":true`},

		{"POST", "/power/maybe", 400, "application/json; charset=utf-8", `power can be on or off, or cycle, not \"maybe\"`},
		{"POST", "/power/ON", 400, "application/json; charset=utf-8", "on or off"},
		{"POST", "/network/1", 400, "application/json; charset=utf-8", `network can be on or off, or flap, not \"1\"`},

		{"POST", "/power/Cycle", 400, "application/json; charset=utf-8", "on or off, or cycle"},
		{"GET", "/tones.json", 200, "application/json; charset=utf-8", `"chime":{"name":"chime","notes":[`},
		{"GET", "/companion.png", 404, "application/json; charset=utf-8", "this terminal has no companion panel"},

		{"POST", "/network/flap?hz=0", 400, "application/json; charset=utf-8", "flapping takes hz, 0.1 to 10, and seconds, 1 to 3600; each once"},
		{"POST", "/network/flap?hz=11", 400, "application/json; charset=utf-8", "flapping takes"},
		{"POST", "/network/flap?hz=NaN", 400, "application/json; charset=utf-8", "flapping takes"},
		{"POST", "/network/flap?hz=1&hz=2", 400, "application/json; charset=utf-8", "flapping takes"},
		{"POST", "/network/flap?seconds=0", 400, "application/json; charset=utf-8", "flapping takes"},
		{"POST", "/network/flap?seconds=3601", 400, "application/json; charset=utf-8", "flapping takes"},
		{"POST", "/network/flap?seconds=1.5", 400, "application/json; charset=utf-8", "flapping takes"},
		{"POST", "/network/flap?often=1", 400, "application/json; charset=utf-8", "flapping takes"},
		{"GET", "/network/flap", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},

		{"GET", "/clock", 200, "application/json; charset=utf-8", `"offset":"0","offsetMs":0`},
		{"POST", "/clock/0", 200, "application/json; charset=utf-8", `"offset":"0"`},
		{"POST", "/clock/1h", 400, "application/json; charset=utf-8", "a clock's offset is 0, or + or - with a whole number"},
		{"POST", "/clock/+1", 400, "application/json; charset=utf-8", "BAD_VALUE"},
		{"POST", "/clock/+h", 400, "application/json; charset=utf-8", "BAD_VALUE"},
		{"POST", "/clock/+1.5h", 400, "application/json; charset=utf-8", "BAD_VALUE"},
		{"POST", "/clock/+31y", 400, "application/json; charset=utf-8", "at most 30y"},
		{"POST", "/clock/-99999999999h", 400, "application/json; charset=utf-8", "BAD_VALUE"},
		{"POST", "/clock/tomorrow", 400, "application/json; charset=utf-8", "BAD_VALUE"},
		{"POST", "/clock", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},

		{"POST", "/card/approved", 404, "application/json; charset=utf-8", "a card has one of the outcomes approve, decline, timeout, late"},
		{"POST", "/card/4111111111111111", 404, "application/json; charset=utf-8", "a card has one of the outcomes"},
		{"GET", "/card/approve", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},

		{"GET", "/card", 200, "application/json; charset=utf-8", `{"doing":"idle","ledger":[]}`},
		{"POST", "/keys/ok", 409, "application/json; charset=utf-8", "the terminal is off"},
		{"POST", "/keys/0", 409, "application/json; charset=utf-8", "CONFLICT"},
		{"POST", "/keys/OK", 404, "application/json; charset=utf-8",
			`there is no key \"OK\": the keys are accept, reject, card, dqr, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ok, clear, repeat, language, mute, test`},
		{"POST", "/keys/10", 404, "application/json; charset=utf-8", "NOT_FOUND"},
		{"POST", "/keys/%00", 404, "application/json; charset=utf-8", "NOT_FOUND"},
		{"POST", "/keys/", 404, "application/json; charset=utf-8", "NOT_FOUND"},
		{"POST", "/keys", 404, "application/json; charset=utf-8", "NOT_FOUND"},
		{"POST", "/keys/4/2", 404, "application/json; charset=utf-8", "NOT_FOUND"},
		{"GET", "/keys/ok", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},
		{"GET", "/card/tap", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},
		{"POST", "/card", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},
		{"POST", "/card/tap", 400, "application/json; charset=utf-8", "a tap is a form or a JSON object"},

		{"POST", "/", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},
		{"POST", "/state", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},
		{"PUT", "/panel.png", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},
		{"POST", "/events", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},
		{"GET", "/power/on", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},
		{"DELETE", "/network/off", 405, "application/json; charset=utf-8", "METHOD_NOT_ALLOWED"},

		{"GET", "/nothing", 404, "application/json; charset=utf-8", "NOT_FOUND"},
		{"POST", "/power", 404, "application/json; charset=utf-8", "NOT_FOUND"},
		{"POST", "/power/on/now", 404, "application/json; charset=utf-8", "NOT_FOUND"},
		{"GET", "/panel.jpg", 404, "application/json; charset=utf-8", "NOT_FOUND"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			status, header, body := r.call(tt.method, tt.path)
			if status != tt.status || header.Get("Content-Type") != tt.contentType || !strings.Contains(string(body), tt.says) {
				t.Fatalf("%d, %s, %.200q; want %d, %s, %q", status, header.Get("Content-Type"), body, tt.status, tt.contentType, tt.says)
			}
			if status >= 400 {
				var failure web.Failure
				if err := json.Unmarshal(body, &failure); err != nil || failure.Code == "" || failure.Message == "" {
					t.Fatalf("the refusal is %q, %v", body, err)
				}
			}
			if now := r.State(); now.Power || !now.Network {
				t.Fatalf("it changed the switches: %+v", now)
			}
		})
	}
}

// A page of another site cannot work the switches, nor any page under a name
// that only resolves to this machine.
func TestServerGuarded(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	for _, change := range []func(*http.Request){
		func(q *http.Request) { q.Header.Set("Origin", "https://evil.example") },
		func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") },
		func(q *http.Request) { q.Host = "rebound.example" },
	} {
		request, err := http.NewRequest("POST", r.url+"/network/off", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(request)
		answer, err := r.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != 403 || !r.State().Network {
			t.Fatalf("answered %d, network %v", answer.StatusCode, r.State().Network)
		}
	}
}

// GET /state has exactly these fields, always.
func TestStateFields(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	var fields map[string]any
	if err := json.Unmarshal(r.get("/state"), &fields); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"amountPaise", "card", "choices", "clock", "flapping", "keypad", "language", "lastPaise", "leftMs", "link", "merchantTransactionId",
		"mode", "muted", "network", "orderId", "payMode", "power", "reason", "result", "shortOrderId", "sinceMs", "sound",
		"updateWaits", "waiting",
	}
	var got []string
	for name := range fields {
		got = append(got, name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("fields %v, want %v", got, want)
	}
	if fields["mode"] != "off" || fields["power"] != false || fields["network"] != true || fields["link"] != false || fields["amountPaise"] != 0.0 {
		t.Fatalf("a new terminal is %v", fields)
	}
	keypad := map[string]any{"digits": "", "asking": false, "outcome": "", "message": ""}
	if !reflect.DeepEqual(fields["keypad"], keypad) || !reflect.DeepEqual(fields["choices"], []any{}) || fields["card"] != "idle" {
		t.Fatalf("a new terminal is %v", fields)
	}
}

// A terminal that never had power has a black panel of its kind's size.
func TestPanelWithoutPower(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	if img := picture(t, r.get("/panel.png")); !black(img) || img.Bounds() != image.Rect(0, 0, 240, 320) {
		t.Fatalf("the panel is %v, black %v", img.Bounds(), black(img))
	}
}

// Nothing on the page is fetched from elsewhere, and it needs no inline script.
func TestPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	status, header, body := r.call("GET", "/")
	if status != 200 || !strings.Contains(header.Get("Content-Security-Policy"), "script-src 'self'") {
		t.Fatalf("%d, policy %q", status, header.Get("Content-Security-Policy"))
	}
	page := string(body)
	for _, bad := range []string{"http://", "https://", "style=", "onclick", "<script>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, good := range []string{
		`<html lang="en">`, `name="viewport"`, `aria-live="polite"`, `role="switch"`, `alt="Panel of testterminal1`,
		`width="240" height="320"`, `aria-label="Terminal testterminal1"`,
	} {
		if !strings.Contains(page, good) {
			t.Errorf("the page lacks %s", good)
		}
	}
}

// event is one of a stream.
type event struct{ name, data string }

// stream opens GET /events and returns its events until it ends.
func stream(t *testing.T, r *rig) <-chan event {
	t.Helper()
	answer, err := r.client.Get(r.url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan event, 1024)
	go func() {
		defer close(events)
		defer answer.Body.Close()
		scan := bufio.NewScanner(answer.Body)
		scan.Buffer(nil, 1<<20)
		var e event
		for scan.Scan() {
			line := scan.Text()
			switch {
			case strings.HasPrefix(line, "event: "):
				e.name = line[len("event: "):]
			case strings.HasPrefix(line, "data: "):
				e.data = line[len("data: "):]
			case line == "" && e.name != "":
				events <- e
				e = event{}
			}
		}
	}()
	return events
}

// awaitEvent reads until an event is as wanted.
func awaitEvent(t *testing.T, events <-chan event, what string, like func(event) bool) {
	t.Helper()
	for {
		e := within(t, what, events)
		if e.name == "" {
			t.Fatalf("the stream ended before %s", what)
		}
		if like(e) {
			return
		}
	}
}

// Whoever listens gets state and picture at once, then every change, pushed.
func TestEvents(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	events := stream(t, r)

	first := within(t, "the first event", events)
	var view terminal.View
	if err := json.Unmarshal([]byte(first.data), &view); err != nil || first.name != "state" || view.Mode != protocol.ModeOff ||
		view.Text != "Off" || view.Lamp != (signals.Light{Colour: signals.Dark, Pattern: signals.Off}) {
		t.Fatalf("the first event is %+v", first)
	}
	if second := within(t, "the second event", events); second.name != "frame" || !black(framePicture(t, second.data)) {
		t.Fatalf("the second event is %.100v", second)
	}

	r.flip("/power/on")
	s := sale("P1", "TXN-1", 24_500)
	isMode := func(mode protocol.Mode) func(event) bool {
		return func(e event) bool {
			var v terminal.View
			return e.name == "state" && json.Unmarshal([]byte(e.data), &v) == nil && v.Mode == mode
		}
	}
	awaitEvent(t, events, "idle", isMode(protocol.ModeIdle))
	d.offer(s)
	version := uint64(0)
	modeSeen, qrSeen := false, false
	awaitEvent(t, events, "presenting with its QR", func(e event) bool {
		if isMode(protocol.ModePresenting)(e) {
			modeSeen = true
		}
		if e.name == "frame" {
			var frame terminal.Frame
			if err := json.Unmarshal([]byte(e.data), &frame); err != nil || frame.Version <= version {
				t.Fatalf("frame %d after %d, %v", frame.Version, version, err)
			}
			version = frame.Version
			qrSeen = readsAs(frameBytes(t, e.data), s.QR) == nil
		}
		return modeSeen && qrSeen
	})
	r.flip("/power/off")
	awaitEvent(t, events, "a black panel", func(e event) bool {
		return e.name == "frame" && black(framePicture(t, e.data))
	})

	// The stream ends with the terminal.
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for range events {
	}
}

func frameBytes(t *testing.T, data string) []byte {
	t.Helper()
	var frame terminal.Frame
	if err := json.Unmarshal([]byte(data), &frame); err != nil {
		t.Fatal(err)
	}
	encoded, ok := strings.CutPrefix(frame.PNG, "data:image/png;base64,")
	if !ok {
		t.Fatalf("the frame is %.60s", frame.PNG)
	}
	bytes, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func framePicture(t *testing.T, data string) image.Image {
	t.Helper()
	return picture(t, frameBytes(t, data))
}
