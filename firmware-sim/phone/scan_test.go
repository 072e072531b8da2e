package phone_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
)

// The terminal shows its QR a while after the phone was lifted.
func TestWaitsForTheQR(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		good := c.signed(c.link())
		c.show("", "", "https://example.in/menu", "https://example.in/menu", "", good)
		client := &http.Client{Transport: across{c}}
		opts := phone.Options{
			PanelURL: "http://counter/panel.png", HTTP: client,
			Network: &npci.Client{BaseURL: "http://counter", HTTP: client},
		}
		got, err := phone.Pay(t.Context(), opts)
		if err != nil || !got.Accepted {
			t.Fatalf("%+v, %v", got, err)
		}
		if l := opts.Network.Ledger(); len(l.Entries) != 1 || l.Entries[0].TxnID != got.TxnID || l.Entries[0].State != npci.Paid {
			t.Errorf("the network's books say %+v", l)
		}
		var seen []string
		for _, s := range got.Steps {
			if s.Name == "look" {
				seen = append(seen, s.Text)
			}
		}
		want := "at http://counter/panel.png, for up to 10s|a picture without a readable QR|a QR that is no UPI link|a picture without a readable QR"
		if got := strings.Join(seen, "|"); got != want {
			t.Errorf("looked:\n%s\nwant\n%s", got, want)
		}
		if last := got.Steps[len(got.Steps)-1]; last.AtMs != 1000 {
			t.Errorf("paid after %d ms, want the sixth look at 1000", last.AtMs)
		}
	})
}

// It gives up in time and looks no more than five times a second.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := newCounter(t)
			c.show("")
			began := time.Now()
			opts := phone.Options{PanelURL: "http://counter/panel.png", Wait: wait, HTTP: &http.Client{Transport: across{c}}}
			got, err := phone.Pay(t.Context(), opts)
			if !errors.Is(err, phone.ErrNoQR) || !strings.Contains(err.Error(), "a picture without a readable QR") || got.OK() {
				t.Fatalf("%+v, %v; want ErrNoQR", got, err)
			}
			limit := wait
			if wait == 0 {
				limit = phone.DefaultWait
			}
			if took := time.Since(began); took != limit {
				t.Errorf("gave up after %s, want %s", took, limit)
			}
			for i := 1; i < len(c.looks); i++ {
				if gap := c.looks[i].Sub(c.looks[i-1]); gap < 200*time.Millisecond {
					t.Errorf("look %d came %s after the one before", i, gap)
				}
			}
			if least := int(limit / time.Second * 4); len(c.looks) < least {
				t.Errorf("%d looks in %s, want at least %d", len(c.looks), limit, least)
			}
			if len(c.messages) > 0 {
				t.Errorf("sent\n%s", strings.Join(c.messages, "\n"))
			}
		})
	}
}

// What is wrong with the panel is said, and is not the end: it may come back.
func TestPanelThatIsNoPicture(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		why     string
	}{
		{"not found", http.NotFound, "HTTP 404"},
		{"text", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "this is no picture") }, "no picture: png"},
		{"huge", func(w http.ResponseWriter, _ *http.Request) {
			_ = png.Encode(w, image.NewGray(image.Rect(0, 0, 4097, 1)))
		}, "4097 x 1 pixels"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 9<<20)) }, "longer than 8 MiB"},
		{"one pixel", func(w http.ResponseWriter, _ *http.Request) { _ = png.Encode(w, image.NewGray(image.Rect(0, 0, 1, 1))) }, "without a readable QR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, err := phone.Pay(t.Context(), phone.Options{
					PanelURL: "http://counter/panel.png", Wait: time.Second, HTTP: &http.Client{Transport: across{tt.handler}},
				})
				if !errors.Is(err, phone.ErrNoQR) || !strings.Contains(err.Error(), tt.why) {
					t.Fatalf("%v; want ErrNoQR with %q", err, tt.why)
				}
			})
		})
	}
}

func TestPanelComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		looks := 0
		client := &http.Client{Transport: across{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if looks++; looks < 4 {
				http.Error(w, "off", http.StatusServiceUnavailable)
				return
			}
			c.ServeHTTP(w, r)
		})}}
		got, err := phone.Pay(t.Context(), phone.Options{
			PanelURL: "http://counter/panel.png", HTTP: client, Network: &npci.Client{BaseURL: "http://counter", HTTP: client},
		})
		if err != nil || !got.OK() {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

// Every size of QR that fits the panel with two or more pixels per module.
func TestReadPicture(t *testing.T) {
	t.Parallel()
	for n := 40; n <= 400; n += 40 {
		want := "upi://pay?pa=merchant@upi&x=" + strings.Repeat("aB3_", n/4)
		got, err := phone.ReadPicture(picture(t, want))
		if err != nil || got != want {
			t.Errorf("%d bytes: %q, %v", len(want), got, err)
		}
	}
}

// What the panel draws is what the customer reads, to the letter.
func TestReadPictureProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := "upi:" + rapid.StringMatching(`[ -~]{0,200}`).Draw(rt, "text")
		got, err := phone.ReadPicture(picture(t, want))
		if err != nil || got != want {
			rt.Fatalf("%q read as %q, %v", want, got, err)
		}
	})
}

// A damaged file is read rightly or refused; nothing panics, nothing is read wrongly.
func TestDamagedPicture(t *testing.T) {
	t.Parallel()
	const want = "upi://pay?pa=merchant@upi&am=245.00"
	whole := picture(t, want)
	for n := 0; n < len(whole); n += 7 {
		if got, err := phone.ReadPicture(whole[:n]); err == nil && got != want {
			t.Errorf("%d of %d bytes read as %q", n, len(whole), got)
		}
		flipped := bytes.Clone(whole)
		flipped[n] ^= 0x10
		if got, err := phone.ReadPicture(flipped); err == nil && got != want {
			t.Errorf("byte %d changed, read as %q", n, got)
		}
	}
}
