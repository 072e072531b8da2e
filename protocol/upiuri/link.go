package upiuri

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// MaxLen is the longest link that is built or read, in bytes: what the largest
// QR, version 40-L, holds in byte mode (ISO/IEC 18004).
const MaxLen = 2953

// ModeDynamic is the mode of a dynamic QR (PRD 5.1 step 4).
const ModeDynamic = "16"

// ErrLink is what every refusal to build or read a link wraps.
var ErrLink = errors.New("not a UPI link")

// Link is what a upi://pay link says. The zero value of a field means that the
// key is absent; two links are equal if == says so, once their times are UTC.
//
// The fields stand in the order in which they are written.
type Link struct {
	Ver      string         // ver: two digits
	Mode     string         // mode: two digits, "16" for a dynamic QR
	PA       string         // pa: the payee's address (VPA)
	PN       string         // pn: the payee's name, for the customer's eyes; at most 99 bytes
	MC       string         // mc: merchant category code, four digits
	TR       string         // tr: ties the QR to one payment; at most 35 of A-Z a-z 0-9 . _ -
	AM       protocol.Paise // am: the amount, written as rupees with two decimals
	MAM      protocol.Paise // mam: the least amount, likewise
	CU       string         // cu: currency, three capital letters
	MID      string         // mid: merchant id; ids are at most 64 of A-Z a-z 0-9 . _ -
	MSID     string         // msid: store id
	MTID     string         // mtid: terminal id
	OrgID    string         // orgid: the organisation behind the QR
	QRts     time.Time      // QRts: when the QR was made; whole seconds
	QRexpire time.Time      // QRexpire: when it ends; whole seconds, the instant itself is expired
	Sign     string         // sign: always last, over everything before it
}

// LogValue keeps addresses, names and signatures out of logs: a link is known
// there by its reference.
func (l Link) LogValue() slog.Value {
	return slog.GroupValue(slog.String("tr", l.TR), slog.String("am", l.AM.Rupees()), slog.Time("expires", l.QRexpire))
}

// Build writes l as a link in its one canonical form: keys in the order of the
// fields, absent ones left out, times in UTC cut to the second, and percent
// escapes only where they are needed.
//
// It refuses, with an error that wraps ErrLink and names the key, a link
// without one of the keys that are never left out (mode, pa, mc, tr, am, QRts,
// QRexpire) and every value that Parse would refuse.
func (l Link) Build() (string, error) {
	var b strings.Builder
	b.WriteString(prefix)
	for _, f := range fields {
		value := f.text(&l)
		if value == "" {
			if f.always {
				return "", refuse(f.key, "is missing")
			}
			continue
		}
		if !printable(value) {
			return "", refuse(f.key, errText.Error())
		}
		if why := f.check(value); why != "" {
			return "", refuse(f.key, why)
		}
		if b.Len() > len(prefix) {
			b.WriteByte('&')
		}
		b.WriteString(f.key)
		b.WriteByte('=')
		escape(&b, value)
	}
	if !l.QRexpire.Truncate(time.Second).After(l.QRts.Truncate(time.Second)) {
		return "", refuse("QRexpire", "is not after QRts")
	}
	if b.Len() > MaxLen {
		return "", fmt.Errorf("%w: %d bytes are more than any QR holds (%d)", ErrLink, b.Len(), MaxLen)
	}
	return b.String(), nil
}

func refuse(key, why string) error { return fmt.Errorf("%w: %s %s", ErrLink, key, why) }

// escape writes value so that it survives as a query value: the unreserved
// characters of RFC 3986 and, because links should be short, the few reserved
// ones that no reader of a query takes for anything else.
func escape(b *strings.Builder, value string) {
	const hexDigits = "0123456789ABCDEF"
	for i := 0; i < len(value); i++ {
		c := value[i]
		if alphanumeric(c) || strings.IndexByte("-._~@:/,", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
