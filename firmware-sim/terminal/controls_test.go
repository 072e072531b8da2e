package terminal_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/firmware-sim/terminal"
)

const (
	asForm = "application/x-www-form-urlencoded"
	asJSON = "application/json"
)

// post sends a body to the terminal's HTTP side.
func (r *rig) post(path, contentType, body string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequest("POST", r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	answer, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// press presses keys one after another.
func (r *rig) press(keys ...agent.Key) {
	r.t.Helper()
	for _, key := range keys {
		if status, body := r.post("/keys/"+string(key), "", ""); status != http.StatusNoContent || body != "" {
			r.t.Fatalf("key %s = %d %s", key, status, body)
		}
	}
}

// tap puts a card on the reader.
func (r *rig) tap(form string) card.Entry {
	r.t.Helper()
	status, body := r.post("/card/tap", asForm, form)
	var entry card.Entry
	if err := json.Unmarshal([]byte(body), &entry); status != 200 || err != nil {
		r.t.Fatalf("tap %s = %d %s, %v", form, status, body, err)
	}
	return entry
}

// cards is the reader's ledger.
func (r *rig) cards() []card.Entry {
	r.t.Helper()
	var answer terminal.CardAnswer
	if err := json.Unmarshal(r.get("/card"), &answer); err != nil {
		r.t.Fatal(err)
	}
	return answer.Ledger
}

// Every key is taken by a terminal with power, whatever panel it has and whatever
// it is doing, and none by one without.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	for _, kind := range terminal.PanelKinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			r := newRig(t, d, func(cfg *terminal.Config) { cfg.PanelKind = kind })
			for _, key := range agent.AllKeys() {
				if status, body := r.post("/keys/"+string(key), "", ""); status != 409 || !strings.Contains(body, "the terminal is off") {
					t.Errorf("without power %s = %d %s", key, status, body)
				}
			}
			r.flip("/power/on")
			r.awaitReady()
			r.press(agent.AllKeys()...)
			r.flip("/power/off")
			if status, body := r.post("/keys/ok", "", ""); status != 409 {
				t.Errorf("after power off ok = %d %s", status, body)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if status, body := r.post("/keys/ok", "", ""); status != 409 {
				t.Errorf("after Close ok = %d %s", status, body)
			}
		})
	}
}

// A terminal without keys or without a card reader says so, shows none on its
// page, and is otherwise as any other.
func TestWithoutKeysAndReader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*terminal.Config)
		keys   bool
		card   bool
	}{
		{"with both", func(*terminal.Config) {}, true, true},
		{"without keys", func(cfg *terminal.Config) { cfg.NoKeys = true }, false, true},
		{"without a card reader", func(cfg *terminal.Config) { cfg.NoCardReader = true }, true, false},
		{"with neither", func(cfg *terminal.Config) { cfg.NoKeys, cfg.NoCardReader = true, true }, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			r := newRig(t, d, tt.change)
			r.flip("/power/on")
			r.awaitReady()
			page := string(r.get("/"))
			if strings.Contains(page, `data-key="accept"`) != tt.keys || strings.Contains(page, `data-tap="approve"`) != tt.card {
				t.Error("the page shows what is not there, or not what is")
			}
			status, body := r.post("/keys/ok", "", "")
			if tt.keys && status != 204 || !tt.keys && (status != 404 || !strings.Contains(body, "this terminal has no keys")) {
				t.Errorf("a key = %d %s", status, body)
			}
			status, body = r.post("/card/tap", asForm, "outcome=approve&holdMillis=0")
			if tt.card && (status != 409 || !strings.Contains(body, "the card reader asks for no card")) ||
				!tt.card && (status != 404 || !strings.Contains(body, "this terminal has no card reader")) {
				t.Errorf("a card = %d %s", status, body)
			}
			if status, _, body := r.call("GET", "/card"); tt.card && status != 200 || !tt.card && status != 404 {
				t.Errorf("the ledger = %d %s", status, body)
			}
			want := card.Idle
			if !tt.card {
				want = terminal.NoReader
			}
			if got := r.State().Card; got != want {
				t.Errorf("the reader is %s, want %s", got, want)
			}
			s := sale("P1", "TXN-1", 24_500)
			d.offer(s)
			r.awaitPresenting(s)
			r.awaitQR(s.QR)
		})
	}
}

// What a tap can be written as, and what not. No answer repeats what may have
// been a card's number (failure matrix T23).
func TestTapForms(t *testing.T) {
	t.Parallel()
	const number = "4111111111111111"
	r := newRig(t, nil, nil)
	const form, anyOf = "a tap is a form or a JSON object", "the card reader takes no such card: "
	for _, tt := range []struct {
		kind, body string
		status     int
		says       string
	}{
		{asForm, "outcome=approve&holdMillis=0", 409, "asks for no card"},
		{asForm, "outcome=decline&last4=0007&network=RUPAY&type=CREDIT&delayMillis=600000&holdMillis=0", 409, "asks for no card"},
		{asForm + "; charset=utf-8", "outcome=timeout&holdMillis=1", 409, "asks for no card"},
		{asJSON, `{"outcome":"late","last4":"0007","network":"RUPAY","type":"DEBIT","delayMillis":1,"holdMillis":0}`, 409, "asks for no card"},
		{asJSON + "; charset=utf-8", ` {"outcome":"approve", "holdMillis":0} `, 409, "asks for no card"},

		{"", "outcome=approve", 400, form},
		{"text/plain", "outcome=approve", 400, form},
		{asForm, "", 400, anyOf + "outcome is one of approve, decline, timeout, late"},
		{asForm, "outcome=" + number, 400, anyOf + "outcome"},
		{asForm, "outcome=approve&outcome=approve", 400, form},
		{asForm, "outcome=approve&pan=" + number, 400, form},
		{asForm, "outcome=approve&" + number + "=1", 400, form},
		{asForm, "outcome=approve;last4=1234", 400, form},
		{asForm, "outcome=%zz", 400, form},
		{asForm, "outcome=approve&last4=" + number, 400, anyOf + "last4 is four digits"},
		{asForm, "outcome=approve&last4=12%204", 400, anyOf + "last4"},
		{asForm, "outcome=approve&network=" + number, 400, anyOf + "network is one of"},
		{asForm, "outcome=approve&type=" + number, 400, anyOf + "type is one of"},
		{asForm, "outcome=approve&delayMillis=" + number, 400, "delayMillis is a whole number from 0 to 600000"},
		{asForm, "outcome=approve&delayMillis=600001", 400, "delayMillis"},
		{asForm, "outcome=approve&delayMillis=-1", 400, "delayMillis"},
		{asForm, "outcome=approve&delayMillis=1.5", 400, "delayMillis"},
		{asForm, "outcome=approve&delayMillis=", 400, "delayMillis"},
		{asForm, "outcome=approve&holdMillis=60001", 400, "holdMillis is a whole number from 0 to 60000"},
		{asForm, "outcome=approve&last4=" + strings.Repeat("1", 5000), 400, form},
		{asJSON, "", 400, form},
		{asJSON, "[]", 400, form},
		{asJSON, "{", 400, form},
		{asJSON, "{}", 400, anyOf + "outcome"},
		{asJSON, `{"outcome":"approve"`, 400, form},
		{asJSON, `{"outcome":"approve"}{}`, 400, form},
		{asJSON, `{"outcome":"approve","outcome":"decline"}`, 400, form},
		{asJSON, `{"Outcome":"approve"}`, 400, form},
		{asJSON, `{"outcome":"approve","pan":"` + number + `"}`, 400, form},
		{asJSON, `{"outcome":{"outcome":"approve"}}`, 400, form},
		{asJSON, `{"outcome":null}`, 400, form},
		{asJSON, `{"outcome":"approve","last4":1234}`, 400, form},
		{asJSON, `{"outcome":"approve","last4":` + number + `}`, 400, form},
		{asJSON, `{"outcome":"approve","delayMillis":"1"}`, 400, form},
		{asJSON, `{"outcome":"approve","delayMillis":1e3}`, 400, "delayMillis"},
		{asJSON, `{"outcome":"approve","delayMillis":true}`, 400, form},
	} {
		status, body := r.post("/card/tap", tt.kind, tt.body)
		var failure struct{ Code, Message string }
		if err := json.Unmarshal([]byte(body), &failure); err != nil || status != tt.status || !strings.Contains(failure.Message, tt.says) || failure.Code == "" {
			t.Errorf("%s %.60s = %d %.200s, %v; want %d %s", tt.kind, tt.body, status, body, err, tt.status, tt.says)
		}
		if strings.Contains(body, number) {
			t.Errorf("%s repeats what it was sent: %s", tt.body, body)
		}
	}
	if got := r.cards(); len(got) != 0 {
		t.Errorf("cards were read: %+v", got)
	}
}

// A page of another site can press no key and tap no card.
func TestControlsGuarded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	r.flip("/power/on")
	r.awaitReady()
	for _, path := range []string{"/keys/accept", "/card/tap"} {
		for _, change := range []func(*http.Request){
			func(q *http.Request) { q.Header.Set("Origin", "https://evil.example") },
			func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") },
			func(q *http.Request) { q.Host = "rebound.example" },
		} {
			request, err := http.NewRequest("POST", r.url+path, strings.NewReader("outcome=approve"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", asForm)
			change(request)
			answer, err := r.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != 403 {
				t.Errorf("%s is answered %d", path, answer.StatusCode)
			}
		}
	}
}

// Who holds a card to the reader of a terminal that is closed is told so at
// once.
func TestTapEndsWithTerminal(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	answered := make(chan int, 1)
	asking := make(chan struct{})
	go func() {
		close(asking)
		request, _ := http.NewRequest("POST", r.url+"/card/tap", strings.NewReader("outcome=approve&holdMillis=60000"))
		request.Header.Set("Content-Type", asForm)
		answer, err := r.client.Do(request)
		if err != nil {
			t.Error(err)
			close(answered)
			return
		}
		_ = answer.Body.Close()
		answered <- answer.StatusCode
	}()
	<-asking
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if status := within(t, "the answer", answered); status != 409 {
		t.Fatalf("it is answered %d", status)
	}
}
