package upiuri_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
	"pgregory.net/rapid"
)

var made = time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC)

// full is a link with every key.
func full() upiuri.Link {
	return upiuri.Link{
		Ver: "01", Mode: "16", PA: "merchant@upi", PN: "Sharma & Sons, चाय", MC: "5411", TR: "GL7Q2-01",
		AM: 24500, MAM: 24500, CU: "INR", MID: "MERCHANTUAT", MSID: "teststore1", MTID: "testterminal1",
		OrgID: "MER101", QRts: made, QRexpire: made.Add(3 * time.Minute),
	}
}

// least is a link with the keys that are never left out.
func least() upiuri.Link {
	return upiuri.Link{
		Mode: "16", PA: "merchant@upi", MC: "5411", TR: "GL7Q2-01", AM: 100,
		QRts: made, QRexpire: made.Add(time.Second),
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	with := func(change func(*upiuri.Link)) upiuri.Link {
		l := least()
		change(&l)
		return l
	}
	for _, tt := range []struct {
		name string
		link upiuri.Link
		want string // the text, or what the error says
		ok   bool
	}{
		{"every key, in order", full(), "upi://pay?ver=01&mode=16&pa=merchant@upi" +
			"&pn=Sharma%20%26%20Sons,%20%E0%A4%9A%E0%A4%BE%E0%A4%AF&mc=5411&tr=GL7Q2-01&am=245.00&mam=245.00&cu=INR" +
			"&mid=MERCHANTUAT&msid=teststore1&mtid=testterminal1&orgid=MER101" +
			"&QRts=2026-06-12T10:30:00Z&QRexpire=2026-06-12T10:33:00Z", true},
		{"only what is never left out", least(), "upi://pay?mode=16&pa=merchant@upi&mc=5411&tr=GL7Q2-01&am=1.00" +
			"&QRts=2026-06-12T10:30:00Z&QRexpire=2026-06-12T10:30:01Z", true},
		{"times in UTC, cut to the second", with(func(l *upiuri.Link) {
			ist := time.FixedZone("IST", 19800)
			l.QRts = made.In(ist).Add(999 * time.Millisecond)
			l.QRexpire = made.In(ist).Add(1999 * time.Millisecond)
		}), "upi://pay?mode=16&pa=merchant@upi&mc=5411&tr=GL7Q2-01&am=1.00" +
			"&QRts=2026-06-12T10:30:00Z&QRexpire=2026-06-12T10:30:01Z", true},
		{"another maker's signature", with(func(l *upiuri.Link) { l.Sign = "ab+/=" }),
			"upi://pay?mode=16&pa=merchant@upi&mc=5411&tr=GL7Q2-01&am=1.00" +
				"&QRts=2026-06-12T10:30:00Z&QRexpire=2026-06-12T10:30:01Z&sign=ab%2B/%3D", true},
		{"no mode", with(func(l *upiuri.Link) { l.Mode = "" }), "mode is missing", false},
		{"no pa", with(func(l *upiuri.Link) { l.PA = "" }), "pa is missing", false},
		{"no mc", with(func(l *upiuri.Link) { l.MC = "" }), "mc is missing", false},
		{"no tr", with(func(l *upiuri.Link) { l.TR = "" }), "tr is missing", false},
		{"no am", with(func(l *upiuri.Link) { l.AM = 0 }), "am is missing", false},
		{"no QRts", with(func(l *upiuri.Link) { l.QRts = time.Time{} }), "QRts is missing", false},
		{"no QRexpire", with(func(l *upiuri.Link) { l.QRexpire = time.Time{} }), "QRexpire is missing", false},
		{"negative amount", with(func(l *upiuri.Link) { l.AM = -1 }), "am is not rupees", false},
		{"amount above any", with(func(l *upiuri.Link) { l.AM = protocol.MaxPaise + 1 }), "am is above any amount", false},
		{"ends when it begins", with(func(l *upiuri.Link) { l.QRexpire = made.Add(999 * time.Millisecond) }), "QRexpire is not after", false},
		{"year of five digits", with(func(l *upiuri.Link) { l.QRexpire = made.AddDate(8000, 0, 0) }), "QRexpire is not a time", false},
		{"mode of letters", with(func(l *upiuri.Link) { l.Mode = "1a" }), "mode is not two digits", false},
		{"mc too short", with(func(l *upiuri.Link) { l.MC = "541" }), "mc is not four digits", false},
		{"pa without handle", with(func(l *upiuri.Link) { l.PA = "merchant" }), "pa is not a UPI address", false},
		{"pa that would add a key", with(func(l *upiuri.Link) { l.PA = "m@upi&am=1" }), "pa is not a UPI address", false},
		{"tr too long", with(func(l *upiuri.Link) { l.TR = strings.Repeat("a", 36) }), "tr is not at most 35", false},
		{"tr with a space", with(func(l *upiuri.Link) { l.TR = "a b" }), "tr is not at most 35", false},
		{"cu in small letters", with(func(l *upiuri.Link) { l.CU = "inr" }), "cu is not three capital", false},
		{"id too long", with(func(l *upiuri.Link) { l.MSID = strings.Repeat("a", 65) }), "msid is not at most 64", false},
		{"name too long", with(func(l *upiuri.Link) { l.PN = strings.Repeat("a", 100) }), "pn is longer", false},
		{"name with a line break", with(func(l *upiuri.Link) { l.PN = "a\nb" }), "pn is not printable", false},
		{"name that is not UTF-8", with(func(l *upiuri.Link) { l.PN = "a\xff" }), "pn is not printable", false},
		{"signature with a separator", with(func(l *upiuri.Link) { l.Sign = "a&b" }), "sign is not base64", false},
		{"longer than a QR", with(func(l *upiuri.Link) { l.Sign = strings.Repeat("a", upiuri.MaxLen) }), "more than any QR", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.link.Build()
			if !tt.ok {
				if !errors.Is(err, upiuri.ErrLink) || !strings.Contains(err.Error(), tt.want) || got != "" {
					t.Fatalf("Build = %q, %v; want an ErrLink with %q", got, err, tt.want)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("Build = %v\n got %s\nwant %s", err, got, tt.want)
			}
		})
	}
}

func TestBuildThenParse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := anyLink().Draw(t, "link")
		text, err := want.Build()
		if err != nil {
			t.Fatal(err)
		}
		got, err := upiuri.Parse(text)
		if err != nil || got != want {
			t.Fatalf("%s\n got %+v, %v\nwant %+v", text, got, err, want)
		}
		if agree(t, text, got) == 0 {
			t.Fatalf("net/url read nothing in %s", text)
		}
	})
}

// anyLink draws links that Build writes.
func anyLink() *rapid.Generator[upiuri.Link] {
	id := rapid.StringMatching(`([A-Za-z0-9._-]{1,40})?`)
	return rapid.Custom(func(t *rapid.T) upiuri.Link {
		l := upiuri.Link{
			Ver:   rapid.StringMatching(`([0-9]{2})?`).Draw(t, "ver"),
			Mode:  rapid.StringMatching(`[0-9]{2}`).Draw(t, "mode"),
			PA:    rapid.StringMatching(`[A-Za-z0-9._-]{1,40}@[a-z][a-z0-9]{1,12}`).Draw(t, "pa"),
			PN:    rapid.StringMatching(`[ -~₹-₿अ-ह]{0,33}`).Draw(t, "pn"),
			MC:    rapid.StringMatching(`[0-9]{4}`).Draw(t, "mc"),
			TR:    rapid.StringMatching(`[A-Za-z0-9._-]{1,35}`).Draw(t, "tr"),
			AM:    protocol.Paise(rapid.Int64Range(1, int64(protocol.MaxPaise)).Draw(t, "am")),
			MAM:   protocol.Paise(rapid.Int64Range(0, int64(protocol.MaxPaise)).Draw(t, "mam")),
			CU:    rapid.StringMatching(`([A-Z]{3})?`).Draw(t, "cu"),
			MID:   id.Draw(t, "mid"),
			MSID:  id.Draw(t, "msid"),
			MTID:  id.Draw(t, "mtid"),
			OrgID: id.Draw(t, "orgid"),
			QRts:  time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "QRts"), 0).UTC(),
			Sign:  rapid.StringMatching(`[A-Za-z0-9+/=_-]{0,100}`).Draw(t, "sign"),
		}
		l.QRexpire = l.QRts.Add(time.Duration(rapid.Int64Range(1, 1800).Draw(t, "seconds")) * time.Second)
		return l
	})
}

func TestValidVPA(t *testing.T) {
	t.Parallel()
	for vpa, want := range map[string]bool{
		"merchant@upi": true, "decline@upi": true, "gourmet@mercury": true, "a.b-c_d@okbank": true, "m@ab1": true,
		"": false, "@": false, "merchant": false, "@upi": false, "merchant@": false,
		"a@b@upi": false, "mer chant@upi": false, "merchant@u_pi": false, "merchant@.upi": false, "merchant@-upi": false,
		"merchant@1upi": true, "merchant@upi\n": false, "mérchant@upi": false, "merchant@upi&am=1": false,
		strings.Repeat("a", 252) + "@upi": false,
	} {
		if got := upiuri.ValidVPA(vpa); got != want {
			t.Errorf("ValidVPA(%q) = %t, want %t", vpa, got, want)
		}
	}
}

// DESIGN 5: no full VPA in a log.
func TestLinkInLogs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("read", "link", full())
	if got := out.String(); strings.Contains(got, "merchant") || !strings.Contains(got, "link.tr=GL7Q2-01") {
		t.Errorf("logged as %s", got)
	}
}
