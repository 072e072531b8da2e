package upiuri

import (
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/galla-pay/galla/protocol"
)

// field is one key of a link: its name, whether Build insists on it, the form
// of its value, and the way between the value's text and the Link.
type field struct {
	key    string
	always bool                        // never left out (upi-switch: The QR and the payee)
	check  func(value string) string   // "" or what is wrong with a value that is not empty
	text   func(l *Link) string        // "" if absent
	set    func(l *Link, value string) // called with a value that check let through
	clear  func(l *Link)               // makes it absent
}

// fields is every known key in the order of writing. sign is the last one.
var fields = []field{
	textField("ver", false, twoDigits, func(l *Link) *string { return &l.Ver }),
	textField("mode", true, twoDigits, func(l *Link) *string { return &l.Mode }),
	textField("pa", true, address, func(l *Link) *string { return &l.PA }),
	textField("pn", false, name, func(l *Link) *string { return &l.PN }),
	textField("mc", true, fourDigits, func(l *Link) *string { return &l.MC }),
	textField("tr", true, reference, func(l *Link) *string { return &l.TR }),
	amountField("am", true, func(l *Link) *protocol.Paise { return &l.AM }),
	amountField("mam", false, func(l *Link) *protocol.Paise { return &l.MAM }),
	textField("cu", false, currency, func(l *Link) *string { return &l.CU }),
	textField("mid", false, identifier, func(l *Link) *string { return &l.MID }),
	textField("msid", false, identifier, func(l *Link) *string { return &l.MSID }),
	textField("mtid", false, identifier, func(l *Link) *string { return &l.MTID }),
	textField("orgid", false, identifier, func(l *Link) *string { return &l.OrgID }),
	timeField("QRts", true, func(l *Link) *time.Time { return &l.QRts }),
	timeField("QRexpire", true, func(l *Link) *time.Time { return &l.QRexpire }),
	textField("sign", false, signature, func(l *Link) *string { return &l.Sign }),
}

func textField(key string, always bool, check func(string) string, at func(*Link) *string) field {
	return field{
		key: key, always: always, check: check,
		text:  func(l *Link) string { return *at(l) },
		set:   func(l *Link, value string) { *at(l) = value },
		clear: func(l *Link) { *at(l) = "" },
	}
}

// amountField treats 0 as absent, which is how a QR without an amount is sent.
func amountField(key string, always bool, at func(*Link) *protocol.Paise) field {
	return field{
		key: key, always: always, check: amount,
		text: func(l *Link) string {
			if *at(l) == 0 {
				return ""
			}
			return at(l).Rupees()
		},
		set:   func(l *Link, value string) { *at(l), _ = protocol.ParseRupees(value) },
		clear: func(l *Link) { *at(l) = 0 },
	}
}

func timeField(key string, always bool, at func(*Link) *time.Time) field {
	return field{
		key: key, always: always, check: instant,
		text: func(l *Link) string {
			if at(l).IsZero() {
				return ""
			}
			return at(l).UTC().Format(time.RFC3339)
		},
		set:   func(l *Link, value string) { *at(l), _ = parseTime(value) },
		clear: func(l *Link) { *at(l) = time.Time{} },
	}
}

// The forms. Each returns "" or what is wrong, as the end of a sentence that
// begins with the key; none quotes the value.

func twoDigits(v string) string  { return digits(v, 2) }
func fourDigits(v string) string { return digits(v, 4) }

func digits(v string, n int) string {
	if len(v) == n && strings.Trim(v, "0123456789") == "" {
		return ""
	}
	if n == 2 {
		return "is not two digits"
	}
	return "is not four digits"
}

func address(v string) string {
	if !ValidVPA(v) {
		return "is not a UPI address"
	}
	return ""
}

func name(v string) string {
	if len(v) > 99 {
		return "is longer than 99 bytes"
	}
	return ""
}

func reference(v string) string {
	if len(v) > 35 || !idLetters(v) {
		return "is not at most 35 letters, digits, dots, underscores or hyphens"
	}
	return ""
}

func identifier(v string) string {
	if len(v) > 64 || !idLetters(v) {
		return "is not at most 64 letters, digits, dots, underscores or hyphens"
	}
	return ""
}

func currency(v string) string {
	if len(v) != 3 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "is not three capital letters"
	}
	return ""
}

func amount(v string) string {
	p, err := protocol.ParseRupees(v)
	if err != nil {
		return "is not rupees with at most two decimals"
	}
	if p > protocol.MaxPaise {
		return "is above any amount"
	}
	return ""
}

func instant(v string) string {
	if _, err := parseTime(v); err != nil {
		return "is not a time like 2026-06-12T10:30:00Z"
	}
	return ""
}

// signature keeps only what any scheme's signature is made of: ours is
// base64url, others' standard base64. Verify is the judge.
func signature(v string) string {
	for i := 0; i < len(v); i++ {
		if !alphanumeric(v[i]) && strings.IndexByte("-_+/=", v[i]) < 0 {
			return "is not base64"
		}
	}
	return ""
}

// printable is asked of every value: UTF-8 without control characters.
func printable(v string) bool {
	if !utf8.ValidString(v) {
		return false
	}
	for _, r := range v {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return false
		}
	}
	return true
}

func idLetters(v string) bool {
	for i := 0; i < len(v); i++ {
		if !alphanumeric(v[i]) && strings.IndexByte("._-", v[i]) < 0 {
			return false
		}
	}
	return v != ""
}

// ValidVPA reports whether v has the form of a UPI address. The rule is
// [protocol.VPA]'s; here is only the name for texts that are not yet one.
func ValidVPA(v string) bool { return protocol.VPA(v).Valid() }

// parseTime reads a time in UTC, cut to the second.
func parseTime(v string) (time.Time, error) {
	t, err := ParseTime(v)
	return t.Truncate(time.Second), err
}

// rfc3339 is the form that time.Parse only claims to ask for: it also takes a
// comma, an hour of one digit and a zone of 99 hours.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// ParseTime reads a time as UPI writes it, RFC 3339 with a zone, and returns
// it in UTC. Links and messages share it.
func ParseTime(v string) (time.Time, error) {
	if !rfc3339.MatchString(v) {
		return time.Time{}, errors.New("not a time like 2026-06-12T10:30:00Z")
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return time.Time{}, err
	}
	return t.UTC(), nil
}
