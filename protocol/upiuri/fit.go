package upiuri

import (
	"crypto/ecdsa"
	"errors"
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
// the texts are signed, so that fits sees what the QR will hold; without one
// they are as Build writes them.
//
// When nothing fits it returns the shortest text with ErrTooDense, and the
// caller decides whether a QR that is hard to read is better than none. Errors
// of Build and Sign come without a text.
func Fit(l Link, key *ecdsa.PrivateKey, fits func(text string) bool) (string, error) {
	drop := DropOrder()
	for {
		text, err := write(l, key)
		if err != nil {
			return "", err
		}
		if fits(text) {
			return text, nil
		}
		for len(drop) > 0 && l.value(drop[0]) == "" {
			drop = drop[1:]
		}
		if len(drop) == 0 {
			return text, ErrTooDense
		}
		l.clear(drop[0])
	}
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
