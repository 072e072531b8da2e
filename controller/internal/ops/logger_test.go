package ops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/ops"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// canary is planted in every place where a secret can stand; no log may hold it.
const canary = "c4n4ry5ecret"

// sealed keeps its own secret, as a type should.
type sealed struct{ key string }

func (s sealed) LogValue() slog.Value { return slog.StringValue("sealed") }

// leaky would tell it, were it asked the wrong way.
type leaky struct {
	Name     string
	SaltKey  string
	Tokens   []string
	inside   string
	Headers  http.Header
	Customer protocol.VPA
	Deep     *leaky
}

// speaking says it in its own words.
type speaking struct{}

func (speaking) String() string { return "token=" + canary }

type marshalling struct{}

func (marshalling) MarshalText() ([]byte, error) { return []byte("Bearer " + canary), nil }

type refusing struct{}

func (refusing) MarshalText() ([]byte, error) { return nil, errors.New("password: " + canary) }

type grouped struct{}

func (grouped) LogValue() slog.Value {
	return slog.GroupValue(slog.String("saltKey", canary), slog.String("index", "1"))
}

type panicking struct{}

func (*panicking) Error() string { panic(canary) }

// secrets are the attributes that must not come out whole.
func secrets() []slog.Attr {
	header := http.Header{"X-Verify": {canary}, "Authorization": {"Bearer " + canary}, "Accept": {"*/*"}}
	shared := leaky{Name: "n", SaltKey: canary, Tokens: []string{canary}, inside: canary, Headers: header, Customer: canary + "@upi"}
	shared.Deep = &leaky{SaltKey: canary}
	loop := &leaky{Name: "loop", SaltKey: canary}
	loop.Deep = loop
	return []slog.Attr{
		slog.String("saltKey", canary), slog.String("SALT_KEY", canary), slog.String("merchant.salt-key", canary),
		slog.String("token", canary), slog.String("deviceToken", canary), slog.String("token_hash", canary),
		slog.String("password", canary), slog.String("db.password", canary), slog.String("Authorization", canary),
		slog.String("x-verify", canary), slog.String("X-VERIFY", canary), slog.String("xVerify", canary),
		slog.String("Cookie", canary), slog.String("Set-Cookie", canary), slog.String("clientSecret", canary),
		slog.String("privateKey", canary), slog.String("pin", canary), slog.String("dsn", canary), slog.String("key", canary),
		slog.Group("password", slog.String("value", canary)),
		slog.Group("request", slog.String("x-verify", canary), slog.Group("inner", slog.String("token", canary))),
		slog.Any("token", 5), slog.Any("secret", []byte(canary)), slog.Any("password", errors.New(canary)),
		slog.Any("body", []byte(canary)), slog.Any("raw", json.RawMessage(`{"a":"`+canary+`"}`)),
		slog.Any("header", header), slog.Any("leaky", shared), slog.Any("pointer", &shared), slog.Any("list", []leaky{shared}),
		slog.Any("map", map[string]any{"saltKey": canary, "nested": map[string]string{"Token": canary}}),
		slog.Any("loop", loop), slog.Any("sealed", sealed{canary}), slog.Any("sealedList", []any{sealed{canary}}),
		slog.Any("sealedMap", map[string]sealed{"a": {canary}}), slog.Any("grouped", grouped{}), slog.Any("groupedList", []grouped{{}}),
		slog.Any("speaking", speaking{}), slog.Any("marshalling", marshalling{}), slog.Any("refusing", refusing{}),
		slog.Any("attrs", []slog.Attr{slog.String("token", canary)}), slog.Any("panicking", (*panicking)(nil)),
		slog.Any("panickingValue", &panicking{}),
		slog.String("error", "connect postgres://galla:"+canary+"@db.local:5432/galla: refused"),
		slog.String("error", "connect postgres://galla:p@ss"+canary+"@db.local/galla: refused"),
		slog.String("error", "Authorization: Bearer "+canary), slog.String("error", `{"saltKey":"`+canary+`","x":1}`),
		slog.String("error", `quoted {\"saltKey\":\"`+canary+`\"}`), slog.String("error", "token="+canary+"&x=1"),
		slog.String("error", "map[X-Verify:["+canary+"] A:[b]]"), slog.String("error", "{SaltKey:"+canary+" Index:1}"),
		slog.Any("error", fmt.Errorf("parse: %w", &url.Error{Op: "Get", URL: "https://u:" + canary + "@h/", Err: errors.New("x")})),
		slog.String("link", "upi://pay?pa="+canary+"@upi&am=1"), slog.String("link", "upi://pay?pa="+canary+"%40upi&am=1"),
		slog.String("payer", canary+"@okbank"), slog.Any("payer", protocol.VPA(canary+"@upi")), slog.Any("payers", []protocol.VPA{canary + "@upi"}),
		slog.String("payer", canary+"@bank0001234.ifsc.npci"), slog.String("text", "paid by "+canary+"@upi, thanks"),
		slog.String("payer", "रवि"+canary+"@upi"),
	}
}

// Failure matrix T9, I13: whatever way a secret is put into the log, it does
// not come out, in either format, at once or through With and WithGroup.
func TestCanaries(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		for i, a := range secrets() {
			for way, say := range map[string]func(*slog.Logger){
				"attribute": func(l *slog.Logger) { l.LogAttrs(context.Background(), slog.LevelInfo, "said", a) },
				"with":      func(l *slog.Logger) { l.With(a).Info("said") },
				"group":     func(l *slog.Logger) { l.WithGroup("g").Info("said", a) },
				"any":       func(l *slog.Logger) { l.Info("said", slog.Any("outer", slog.GroupValue(a))) },
			} {
				var out bytes.Buffer
				log, err := ops.NewLogger(format, "debug", &out)
				if err != nil {
					t.Fatal(err)
				}
				say(log)
				if !strings.Contains(out.String(), "said") {
					t.Errorf("%s, %s: nothing was written for %d (%s)", format, way, i, a.Key)
				}
				if strings.Contains(out.String(), canary) || strings.Contains(out.String(), canary[:3]) {
					t.Errorf("%s, %s: %d (%s) told its secret: %s", format, way, i, a.Key, out.String())
				}
			}
		}
	}
}

// A secret in the message itself.
func TestCanariesInTheMessage(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := ops.NewLogger(format, "info", &out)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("paid by " + canary + "@upi with token=" + canary)
		if s := out.String(); strings.Contains(s, canary) || !strings.Contains(s, "c***@upi") {
			t.Errorf("%s: %s", format, s)
		}
	}
}

// What is no secret stays as it is.
func TestHarmlessAttributes(t *testing.T) {
	t.Parallel()
	type row struct {
		ID     string
		Amount protocol.Paise
		When   time.Time
	}
	when := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	log, err := ops.NewLogger("json", "info", &out)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("callback attempt", "merchant", "MERCHANTUAT", "payment", "TX_1", "attempt", 3, "took", 1500*time.Millisecond,
		"ok", true, "at", when, "error", errors.New("HTTP 500"), "from", netip.MustParseAddr("10.0.0.1"), "saltIndex", 1,
		"none", nil, "row", row{"r1", 24500, when}, "codes", []string{"U30", "ZM"}, "counts", map[string]int{"a": 1}, "rate", 0.5,
		"store", "teststore1", "rrn", "012345678901", "kid", "abc", "body", []byte("abc"), "sum", [2]byte{1, 2})
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"level": `"INFO"`, "msg": `"callback attempt"`, "merchant": `"MERCHANTUAT"`, "payment": `"TX_1"`, "attempt": `3`, "took": `1500000000`,
		"ok": `true`, "at": `"2026-10-01T12:00:00Z"`, "error": `"HTTP 500"`, "from": `"10.0.0.1"`, "saltIndex": `1`, "none": `null`,
		"row": `{"Amount":"₹245.00","ID":"r1","When":"2026-10-01T12:00:00Z"}`, "codes": `["U30","ZM"]`, "counts": `{"a":1}`,
		"rate": `0.5`, "store": `"teststore1"`, "rrn": `"012345678901"`, "kid": `"abc"`, "body": `"[3 bytes]"`, "sum": `"[2 bytes]"`,
	} {
		if is, _ := json.Marshal(got[key]); string(is) != want {
			t.Errorf("%s = %s, want %s", key, is, want)
		}
	}
	if got["time"] == nil {
		t.Error("the time is missing")
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1, "INFO": 3, "Warn": 2} {
		var out bytes.Buffer
		log, err := ops.NewLogger("TEXT", level, &out)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("a")
		log.Info("a")
		log.Warn("a")
		log.Error("a")
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("level %s writes %d of 4 lines, want %d", level, got, want)
		}
	}
}

func TestNewLoggerRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ format, level, want string }{
		{"xml", "info", `log format "xml" is neither text nor json`},
		{"", "info", `log format "" is neither text nor json`},
		{"json", "loud", `log level "loud" is none of debug, info, warn, error`},
		{"json", "", `log level "" is none of debug, info, warn, error`},
	} {
		if l, err := ops.NewLogger(tt.format, tt.level, &bytes.Buffer{}); err == nil || l != nil || err.Error() != tt.want {
			t.Errorf("NewLogger(%q, %q): %v, want %s", tt.format, tt.level, err, tt.want)
		}
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	hex := strings.Repeat("0123456789abcdef", 4)
	for in, want := range map[string]string{
		"":                                     "",
		"nothing to hide":                      "nothing to hide",
		"customer@upi":                         "c***@upi",
		"c@upi":                                "c***@upi",
		"9876543210@ybl paid":                  "9***@ybl paid",
		"from a.b-c_d@okhdfcbank to shop@upi.": "from a***@okhdfcbank to s***@upi.",
		"c***@upi":                             "c***@upi",
		"रवि@upi":                              "र***@upi",
		"(cust@upi)":                           "(c***@upi)",
		`"payer":"cust@upi"`:                   `"payer":"c***@upi"`,
		"<Payer addr='cust@upi'/>":             "<Payer addr='c***@upi'/>",
		"upi://pay?pa=shop%40upi&am=245.00":    "upi://pay?pa=s***%40upi&am=245.00",
		"a @ b":                                "a @ b",
		"@upi":                                 "@upi",
		"cust@":                                "cust@",
		"someone@example.in wrote":             "s***@example.in wrote",
		"4111111111111111":                     "[redacted]1111",
		"card 4111 1111 1111 1111.":            "card [redacted]1111.",
		"card 4111-1111-1111-1111.":            "card [redacted]1111.",
		"amex 378282246310005":                 "amex [redacted]0005",
		"amex 3782 822463 10005":               "amex [redacted]0005",
		"rupay6011111111111117 end":            "rupay[redacted]1117 end",
		"19 digits 6304000000000000000":        "19 digits [redacted]0000",
		"4111111111111112 (wrong check digit)": "4111111111111112 (wrong check digit)",
		"rrn 412345678903":                     "rrn 412345678903",
		"at 1700000000000":                     "at 1700000000000",
		"MS2603301457425143586306":             "MS2603301457425143586306",
		hex + "###1":                           "[redacted]",
		"hash " + hex:                          "hash " + hex,
		"X-VERIFY: " + hex + "###1":            "X-VERIFY: [redacted]",
		"Bearer abc.def":                       "Bearer [redacted]",
		"basic training":                       "basic [redacted]",
		"eyJhbGciOiJFZERTQSJ9.eyJhIjoxfQ.c2lnbmF0dXJl":  "[redacted]",
		"eyJhbGciOiJFZERTQSJ9..c2lnbmF0dXJl":            "[redacted]",
		"postgres://galla:hunter2@db/galla":             "postgres://[redacted]@db/galla",
		"http://pos.example.in/a@b":                     "http://pos.example.in/a***@b",
		"password is required":                          "password is required",
		"token=abc&next=1":                              "token=[redacted]&next=1",
		`{"saltKey":"a \" b","saltIndex":1}`:            `{"saltKey":[redacted],"saltIndex":1}`,
		"dial tcp 127.0.0.1:5432: connection refused":   "dial tcp 127.0.0.1:5432: connection refused",
		"galla/v1/MERCHANTUAT.store1.terminal1/command": "galla/v1/MERCHANTUAT.store1.terminal1/command",
	} {
		if got := ops.Scrub(in); got != want {
			t.Errorf("Scrub(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

// No payment address comes through whole, wherever in a text it stands.
func TestScrubMasksEveryVPA(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9._-]{4,30}`).Draw(t, "name")
		handle := rapid.StringMatching(`[A-Za-z][A-Za-z0-9]{1,12}`).Draw(t, "handle")
		before := rapid.SampledFrom([]string{"", " ", "pa=", `"`, "(", "paid by ", "'", "a,b;", "₹100 ", "\n"}).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", " ", "&am=1", `"`, ")", ".", ", ok", "\n", "'"}).Draw(t, "after")
		at := rapid.SampledFrom([]string{"@", "%40"}).Draw(t, "at")
		if got := ops.Scrub(before + name + at + handle + after); strings.Contains(got, name+at) || strings.Contains(got, name[:2]+"***") {
			t.Fatalf("Scrub leaves %q", got)
		}
	})
}

// Whatever stands before it, a payment address is masked, and the text stays UTF-8.
func FuzzScrub(f *testing.F) {
	for _, s := range []string{"customer@upi", "4111111111111111", "token=x", "postgres://a:b@c", "Bearer abcd", "a%40b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		once := ops.Scrub(s)
		if once != strings.ToValidUTF8(once, "") {
			t.Fatalf("Scrub(%q) = %q is not UTF-8", s, once)
		}
		for _, plain := range []string{"customer@upi", "9876543210@ybl"} {
			if got := ops.Scrub(s + " " + plain); strings.Contains(got, plain) {
				t.Fatalf("Scrub leaves %q", got)
			}
		}
	})
}
