package terminal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a terminal, its HTTP side, and everything that was seen of it.
type rig struct {
	*terminal.Terminal
	t      *testing.T
	url    string
	client *http.Client

	mu   sync.Mutex
	seen []terminal.View
}

// newRig makes a terminal of that desk, without power.
func newRig(t *testing.T, d *desk, change func(*terminal.Config)) *rig {
	t.Helper()
	r := &rig{t: t, client: &http.Client{Transport: &http.Transport{}}}
	cfg := terminal.Config{
		Identity: someone,
		DataDir:  t.TempDir(),
		Changed: func(v terminal.View) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.seen = append(r.seen, v)
		},
	}
	if d != nil {
		cfg.Controller = d.http.URL
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.Terminal, err = terminal.New(cfg); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	r.url = server.URL
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		r.client.CloseIdleConnections()
	})
	return r
}

// await waits until the terminal is seen so, and fails with what is there
// instead.
func (r *rig) await(what string, like func(terminal.State) bool) terminal.State {
	r.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		changed := r.Changed()
		if state := r.State(); like(state) {
			return state
		}
		select {
		case <-changed:
		case <-late.C:
			r.t.Fatalf("waited for %s; it is %+v", what, r.State())
		}
	}
}

func (r *rig) awaitMode(mode protocol.Mode) terminal.State {
	r.t.Helper()
	return r.await("mode "+string(mode), func(s terminal.State) bool { return s.Mode == mode })
}

func (r *rig) awaitReady() {
	r.t.Helper()
	r.await("idle and linked", func(s terminal.State) bool { return s.Mode == protocol.ModeIdle && s.Link })
}

func (r *rig) awaitPresenting(s *protocol.Sale) {
	r.t.Helper()
	r.await("presenting "+s.MerchantTransactionID, func(now terminal.State) bool {
		return now.Mode == protocol.ModePresenting && now.MerchantTransactionID == s.MerchantTransactionID && now.AmountPaise == s.AmountPaise
	})
}

// awaitPicture waits until the panel of GET /panel.png is as wanted, looking
// again whenever something changed.
func (r *rig) awaitPicture(what string, like func(picture []byte) error) {
	r.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		changed := r.Changed()
		err := like(r.get("/panel.png"))
		if err == nil {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			r.t.Fatalf("waited for a panel with %s: %v", what, err)
		}
	}
}

// awaitQR waits until the panel's QR reads as text.
func (r *rig) awaitQR(text string) {
	r.t.Helper()
	r.awaitPicture("the QR "+text, func(picture []byte) error { return readsAs(picture, text) })
}

func readsAs(picture []byte, text string) error {
	got, err := phone.ReadPicture(picture)
	if err == nil && got != text {
		err = fmt.Errorf("it reads %q", got)
	}
	return err
}

// everSeen reports whether a state was ever so, however short.
func (r *rig) everSeen(like func(terminal.View) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.seen {
		if like(v) {
			return true
		}
	}
	return false
}

// call asks the terminal's HTTP side.
func (r *rig) call(method, path string) (int, http.Header, []byte) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, body
}

func (r *rig) get(path string) []byte {
	r.t.Helper()
	status, _, body := r.call("GET", path)
	if status != 200 {
		r.t.Fatalf("GET %s = %d %s", path, status, body)
	}
	return body
}

// flip works a switch and returns the state that it answers.
func (r *rig) flip(path string) terminal.State {
	r.t.Helper()
	status, _, body := r.call("POST", path)
	if status != 200 {
		r.t.Fatalf("POST %s = %d %s", path, status, body)
	}
	var state terminal.State
	if err := json.Unmarshal(body, &state); err != nil {
		r.t.Fatal(err)
	}
	return state
}

func picture(t *testing.T, data []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func black(img image.Image) bool {
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if r, g, b, a := img.At(x, y).RGBA(); r|g|b != 0 || a != 0xffff {
				return false
			}
		}
	}
	return true
}

// within returns the next value of a channel, or fails.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited for %s", what)
		panic("unreachable")
	}
}

// none fails when there is anything in the channel.
func none[T any](t *testing.T, what string, c <-chan T) {
	t.Helper()
	select {
	case <-c:
		t.Fatalf("there was %s", what)
	default:
	}
}
