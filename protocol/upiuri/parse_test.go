package upiuri_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       upiuri.Link
	}{
		{"a static QR", "upi://pay?pa=merchant@upi&pn=Shop", upiuri.Link{PA: "merchant@upi", PN: "Shop"}},
		{"any order", "upi://pay?am=1.00&pa=merchant@upi&mode=16", upiuri.Link{PA: "merchant@upi", Mode: "16", AM: 100}},
		{"unknown keys", "upi://pay?pa=merchant@upi&tid=1&url=https://x.in/?a=b&PAN=", upiuri.Link{PA: "merchant@upi"}},
		{"empty values", "upi://pay?pa=merchant@upi&mam=&tr=&QRts=&sign=", upiuri.Link{PA: "merchant@upi"}},
		{"no amount yet", "upi://pay?pa=merchant@upi&am=0.00", upiuri.Link{PA: "merchant@upi"}},
		{"rupees without decimals", "upi://pay?pa=merchant@upi&am=10", upiuri.Link{PA: "merchant@upi", AM: 1000}},
		{"escaped at sign", "upi://pay?pa=merchant%40upi&pn=A%2bB", upiuri.Link{PA: "merchant@upi", PN: "A+B"}},
		{"a plus sign is no space", "upi://pay?pa=merchant@upi&pn=A+B", upiuri.Link{PA: "merchant@upi", PN: "A+B"}},
		{"zone with a raw plus sign", "upi://pay?pa=merchant@upi&QRts=2026-06-12T16:00:00+05:30",
			upiuri.Link{PA: "merchant@upi", QRts: made}},
		{"zone with an escaped plus sign", "upi://pay?pa=merchant@upi&QRts=2026-06-12T16:00:00.25%2B05:30",
			upiuri.Link{PA: "merchant@upi", QRts: made}},
		{"mode by its other name", "upi://pay?pa=merchant@upi&initiation_mode=16", upiuri.Link{PA: "merchant@upi", Mode: "16"}},
		{"standard base64 signature", "upi://pay?pa=merchant@upi&sign=ab+/cd==", upiuri.Link{PA: "merchant@upi", Sign: "ab+/cd=="}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upiuri.Parse(tt.text)
			if err != nil || got != tt.want {
				t.Fatalf("Parse = %v\n got %+v\nwant %+v", err, got, tt.want)
			}
			agree(t, tt.text, got)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, why string }{
		{"nothing", "", "does not begin with"},
		{"no query", "upi://pay", "does not begin with"},
		{"another host", "upi://mandate?pa=merchant@upi", "does not begin with"},
		{"a path", "upi://pay/?pa=merchant@upi", "does not begin with"},
		{"another scheme", "upis://pay?pa=merchant@upi", "does not begin with"},
		{"scheme in capitals", "UPI://pay?pa=merchant@upi", "does not begin with"},
		{"space before", " upi://pay?pa=merchant@upi", "does not begin with"},
		{"no pa", "upi://pay?am=1.00", "pa is missing"},
		{"empty pa", "upi://pay?pa=&am=1.00", "pa is missing"},
		{"empty query", "upi://pay?", "part 1 is not key=value"},
		{"duplicate key", "upi://pay?pa=merchant@upi&am=1.00&am=2.00", "part 3 repeats a key"},
		{"duplicate key, same value", "upi://pay?pa=merchant@upi&pa=merchant@upi", "part 2 repeats a key"},
		{"duplicate unknown key", "upi://pay?pa=merchant@upi&x=1&x=1", "part 3 repeats a key"},
		{"duplicate, the first one empty", "upi://pay?pa=merchant@upi&am=&am=1.00", "part 3 repeats a key"},
		{"keys that differ only in case", "upi://pay?pa=merchant@upi&am=1.00&AM=2.00", "part 3 repeats a key"},
		{"unknown keys that differ only in case", "upi://pay?pa=merchant@upi&x=1&X=1", "part 3 repeats a key"},
		{"known key in another case", "upi://pay?pa=merchant@upi&Am=1.00", "am is written in another case"},
		{"QRexpire in another case", "upi://pay?pa=merchant@upi&qrExpire=2026-06-12T10:30:00Z", "QRexpire is written in another case"},
		{"mode under both names", "upi://pay?pa=merchant@upi&mode=16&initiation_mode=16", "part 3 repeats a key"},
		{"initiation_mode in another case", "upi://pay?pa=merchant@upi&Initiation_Mode=16", "mode is written in another case"},
		{"escaped key", "upi://pay?%70a=merchant@upi", "part 1 is not key=value"},
		{"empty key", "upi://pay?=x&pa=merchant@upi", "part 1 is not key=value"},
		{"key without value", "upi://pay?pa=merchant@upi&am", "part 2 is not key=value"},
		{"empty part", "upi://pay?pa=merchant@upi&&am=1.00", "part 2 is not key=value"},
		{"separator at the end", "upi://pay?pa=merchant@upi&", "part 2 is not key=value"},
		{"half an escape", "upi://pay?pa=merchant@upi&pn=%2", "part 2 has a broken percent escape"},
		{"percent alone", "upi://pay?pa=merchant@upi&pn=100%", "part 2 has a broken percent escape"},
		{"escape of no hex", "upi://pay?pa=merchant@upi&pn=%zz", "part 2 has a broken percent escape"},
		{"broken escape in an unknown key", "upi://pay?pa=merchant@upi&x=%zz", "part 2 has a broken percent escape"},
		{"raw space", "upi://pay?pa=merchant@upi&pn=A B", "part 2 has a character that must be percent-escaped"},
		{"raw letter outside ASCII", "upi://pay?pa=merchant@upi&pn=₹", "part 2 has a character"},
		{"semicolon", "upi://pay?pa=merchant@upi&pn=a;am=1.00", "part 2 has a character"},
		{"fragment", "upi://pay?pa=merchant@upi#am=1.00", "part 1 has a character"},
		{"line break", "upi://pay?pa=merchant@upi\n", "part 1 has a character"},
		{"escaped line break", "upi://pay?pa=merchant@upi&pn=a%0Ab", "part 2 is not printable"},
		{"escaped NUL", "upi://pay?pa=merchant@upi&pn=a%00", "part 2 is not printable"},
		{"escapes that are not UTF-8", "upi://pay?pa=merchant@upi&pn=%ff", "part 2 is not printable"},
		{"pa without a handle", "upi://pay?pa=merchant", "pa is not a UPI address"},
		{"amount of three decimals", "upi://pay?pa=merchant@upi&am=1.000", "am is not rupees"},
		{"amount with a sign", "upi://pay?pa=merchant@upi&am=%2B1", "am is not rupees"},
		{"amount with an exponent", "upi://pay?pa=merchant@upi&am=1e3", "am is not rupees"},
		{"amount with grouping", "upi://pay?pa=merchant@upi&am=1,000", "am is not rupees"},
		{"amount of 20 digits", "upi://pay?pa=merchant@upi&am=99999999999999999999", "am is not rupees"},
		{"amount above any", "upi://pay?pa=merchant@upi&am=100000000.01", "am is above any amount"},
		{"time without zone", "upi://pay?pa=merchant@upi&QRts=2026-06-12T10:30:00", "QRts is not a time"},
		{"time with a comma", "upi://pay?pa=merchant@upi&QRts=2026-06-12T10:30:00,5Z", "QRts is not a time"},
		{"time with an hour of one digit", "upi://pay?pa=merchant@upi&QRts=2026-06-12T1:30:00Z", "QRts is not a time"},
		{"30 February", "upi://pay?pa=merchant@upi&QRts=2026-02-30T10:30:00Z", "QRts is not a time"},
		{"something after sign", "upi://pay?pa=merchant@upi&sign=abcd&am=1.00", "sign is not the last key"},
		{"sign with other letters", "upi://pay?pa=merchant@upi&sign=a.b", "sign is not base64"},
		{"too many keys", "upi://pay?pa=merchant@upi" + strings.Repeat("&", 64), "more than 64 keys"},
		{"too long", "upi://pay?pa=merchant@upi&x=" + strings.Repeat("a", upiuri.MaxLen), "longer than any QR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upiuri.Parse(tt.text)
			if !errors.Is(err, upiuri.ErrLink) || !strings.Contains(err.Error(), tt.why) || got != (upiuri.Link{}) {
				t.Fatalf("Parse = %+v, %v; want an ErrLink with %q", got, err, tt.why)
			}
		})
	}
}

// PRD 8.1: the RefUrl of the example is no more than a mode.
func TestParseQuery(t *testing.T) {
	t.Parallel()
	got, err := upiuri.ParseQuery("initiation_mode=16")
	if want := (upiuri.Link{Mode: upiuri.ModeDynamic}); err != nil || got != want {
		t.Fatalf("ParseQuery = %+v, %v; want %+v", got, err, want)
	}
	if _, err := upiuri.ParseQuery(""); !errors.Is(err, upiuri.ErrLink) {
		t.Fatalf("ParseQuery of nothing = %v, want ErrLink", err)
	}
}

// Two readers, one meaning: what Parse accepts, net/url reads alike; and what
// Parse read and Build can write, reads back as the same link.
func FuzzParse(f *testing.F) {
	text, err := full().Build()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("upi://pay?pa=merchant@upi&pn=A+B&QRts=2026-06-12T16:00:00+05:30&sign=ab+/==")
	f.Add("upi://pay?pa=merchant%40upi&am=1&AM=2")
	f.Add("upi://pay?pa=m@upi&pn=%e0%a4%9a;am=3")
	f.Add("upi://pay?initiation_mode=16&pa=m@upi&x=?&y=a=b")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := upiuri.Parse(text)
		if err != nil {
			if l != (upiuri.Link{}) {
				t.Fatalf("an error and a link: %+v, %v", l, err)
			}
			return
		}
		agree(t, text, l)
		again, err := l.Build()
		if err != nil {
			return // another maker's link may lack what ours never lacks
		}
		back, err := upiuri.Parse(again)
		if err != nil || back != l {
			t.Fatalf("%s\nbuilt as %s\nread as %+v, %v\nwas %+v", text, again, back, err, l)
		}
	})
}

// agree compares l with what net/url and time.Parse, which know nothing of this
// package, read in text. It returns the number of keys compared.
func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string, l upiuri.Link) int {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "upi" || u.Host != "pay" || u.Path != "" || u.Fragment != "" {
		t.Fatalf("net/url reads %q as %+v, %v", text, u, err)
	}
	// The one known difference: net/url reads the query of a web form, where a
	// raw plus sign is a space.
	values, err := url.ParseQuery(strings.ReplaceAll(u.RawQuery, "+", "%2B"))
	if err != nil {
		t.Fatalf("net/url refuses the query of %q: %v", text, err)
	}
	compared := 0
	for key, got := range map[string]string{
		"ver": l.Ver, "mode": l.Mode, "pa": l.PA, "pn": l.PN, "mc": l.MC, "tr": l.TR, "cu": l.CU,
		"mid": l.MID, "msid": l.MSID, "mtid": l.MTID, "orgid": l.OrgID, "sign": l.Sign,
	} {
		if key == "mode" && values.Has("initiation_mode") {
			key = "initiation_mode"
		}
		if len(values[key]) > 1 || values.Get(key) != got {
			t.Fatalf("%s of %q is %q, net/url reads %q", key, text, got, values[key])
		}
		compared += len(values[key])
	}
	for key, got := range map[string]protocol.Paise{"am": l.AM, "mam": l.MAM} {
		if want := strings.TrimLeft(values.Get(key), "0"); want != "" {
			whole, frac, _ := strings.Cut(want, ".")
			frac = (frac + "00")[:2]
			if wrote := strings.TrimLeft(got.Rupees(), "0"); wrote != whole+"."+frac {
				t.Fatalf("%s of %q is %s, net/url reads %q", key, text, wrote, want)
			}
			compared++
		} else if got != 0 {
			t.Fatalf("%s of %q is %s, net/url reads nothing", key, text, got.Rupees())
		}
	}
	for key, got := range map[string]time.Time{"QRts": l.QRts, "QRexpire": l.QRexpire} {
		text := values.Get(key)
		if text == "" {
			if !got.IsZero() {
				t.Fatalf("%s is %s, net/url reads nothing", key, got)
			}
			continue
		}
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || want.Unix() != got.Unix() || got.Nanosecond() != 0 || got.Location() != time.UTC {
			t.Fatalf("%s is %s, net/url reads %q: %v", key, got, text, err)
		}
		compared++
	}
	return compared
}
