package upiuri

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"strings"
)

// ErrTooDense says that a link does not fit even without all that may be left out.
var ErrTooDense = errors.New("the link does not fit, even without all that may be left out")

// DropOrder returns the keys that a link can do without, in the order in which
// Fit leaves them out. First go the ids that tr says as well, then the least
// amount, which is the amount, then what a reader assumes anyway, and last the
// name that the customer would like to see.
//
// mode, pa, mc, tr, am, QRts, QRexpire and sign are never left out (upi-switch:
// The QR and the payee).
func DropOrder() []string {
	return []string{"mtid", "msid", "mid", "mam", "orgid", "ver", "cu", "pn"}
}

// Fit returns the fullest text of l that fits says yes to: it leaves out the
// keys of DropOrder one after the other, for good, until it does. With a key
// the text is signed; as signing costs more than all the rest, it is signed once,
// and fits is asked before that with a signature in place that is none. So fits
// may look at the length and at which kinds of characters there are, as a QR does,
// and must see nothing else.
//
// When nothing fits it returns the shortest text with ErrTooDense, and the
// caller decides whether a QR that is hard to read is better than none. Errors
// of Build and Sign come without a text.
func Fit(l Link, key *ecdsa.PrivateKey, fits func(text string) bool) (string, error) {
	if key != nil && key.Curve != elliptic.P256() {
		return "", ErrKey
	}
	drop := DropOrder()
	for {
		text, err := blank(l, key)
		if err != nil {
			return "", err
		}
		enough := fits(text)
		for len(drop) > 0 && l.value(drop[0]) == "" {
			drop = drop[1:]
		}
		if enough || len(drop) == 0 {
			if text, err = write(l, key); err == nil && !enough {
				err = ErrTooDense
			}
			return text, err
		}
		l.clear(drop[0])
	}
}

// blank is a text as long as what write writes.
func blank(l Link, key *ecdsa.PrivateKey) (string, error) {
	if key == nil {
		return l.Build()
	}
	l.Sign = ""
	text, err := l.Build()
	if err != nil {
		return "", err
	}
	return text + signKey + strings.Repeat("a", signLen-len(signKey)), nil
}

func write(l Link, key *ecdsa.PrivateKey) (string, error) {
	if key == nil {
		return l.Build()
	}
	return Sign(l, key)
}

// MaxBytes is a predicate for Fit: texts of at most n bytes.
func MaxBytes(n int) func(text string) bool {
	return func(text string) bool { return len(text) <= n }
}

// value returns the text of a key that the link may do without, "" if absent.
func (l *Link) value(key string) string {
	for _, f := range fields {
		if f.key == key {
			return f.text(l)
		}
	}
	return ""
}

// clear makes a key absent.
func (l *Link) clear(key string) {
	for _, f := range fields {
		if f.key == key {
			f.clear(l)
		}
	}
}
