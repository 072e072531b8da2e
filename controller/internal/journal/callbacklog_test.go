package journal_test

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/journal"
)

func TestCallbackCursor(t *testing.T) {
	t.Parallel()
	write := func(raw string) string { return base64.RawURLEncoding.EncodeToString([]byte(raw)) }
	for _, raw := range []string{
		"", "1", "1.", "1..e", "2.5.e", "1.05.e", "1.+5.e", "1.-5.e", "1.5", "1.5.e e", "1.5.e\n", "1.5.e.f", "1.5.é",
		"1.253402300800000000.e", "1.99999999999999999999.e", "1.5." + strings.Repeat("e", 129), "01.5.e",
	} {
		if c, err := journal.ParseCallbackCursor(write(raw)); !errors.Is(err, journal.ErrCallbackQuery) {
			t.Errorf("%q is taken as %+v, %v", raw, c, err)
		}
	}
	good := write("1.1700000000123456.EV-1_a")
	for _, spoilt := range []string{good + "=", good + "\n", " " + good, strings.ToLower(good), good + "A", "!" + good} {
		if c, err := journal.ParseCallbackCursor(spoilt); !errors.Is(err, journal.ErrCallbackQuery) {
			t.Errorf("%q is taken as %+v, %v", spoilt, c, err)
		}
	}
	c, err := journal.ParseCallbackCursor(good)
	if err != nil || c.EventID != "EV-1_a" || !c.At.Equal(time.UnixMicro(1700000000123456)) {
		t.Errorf("%+v, %v", c, err)
	}
	row := journal.CallbackRow{EventID: c.EventID, CreatedAt: c.At}
	if row.Cursor() != good {
		t.Errorf("the row's cursor is %s", row.Cursor())
	}
	if c, err := journal.ParseCallbackCursor(journal.CallbackCursor{}.String()); err != nil || c.EventID != "" || c.At.UnixMicro() != 0 {
		t.Errorf("the place before all is %+v, %v", c, err)
	}
}

var urlSafe = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// What is written is read back, and needs no escaping in a query.
func TestCallbackCursorRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := journal.CallbackCursor{
			At:      time.UnixMicro(rapid.Int64Range(0, 253402300799_999_999).Draw(t, "at")).UTC(),
			EventID: rapid.StringMatching(`[A-Za-z0-9_-]{0,128}`).Draw(t, "event"),
		}
		got, err := journal.ParseCallbackCursor(c.String())
		if err != nil || got != c || !urlSafe.MatchString(c.String()) {
			t.Fatalf("%+v is written %s and read %+v, %v", c, c, got, err)
		}
	})
}

// What is taken has one spelling, which is its own.
func FuzzCallbackCursor(f *testing.F) {
	for _, c := range []journal.CallbackCursor{{}, {At: time.UnixMicro(5), EventID: "e"}, {At: time.UnixMicro(1700000000123456)}} {
		f.Add(c.String())
	}
	f.Add("MS4wNS5l")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := journal.ParseCallbackCursor(text)
		if err != nil {
			if !errors.Is(err, journal.ErrCallbackQuery) || c != (journal.CallbackCursor{}) {
				t.Fatalf("%q: %+v, %v", text, c, err)
			}
			return
		}
		if c.String() != text || c.At.UnixMicro() < 0 {
			t.Fatalf("%q is taken as %+v, which is written %s", text, c, c)
		}
	})
}
