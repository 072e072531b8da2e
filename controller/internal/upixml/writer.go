package upixml

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/galla-pay/galla/protocol"
)

// page is where a message is written before it is copied out: messages of up to
// its length cost the one allocation of that copy.
type page [1024]byte

// writer writes one message, on a page. Both live on the stack; nothing of it can
// fail.
type writer []byte

// begin starts a message of the PRD's dialect.
func (w writer) begin(root string) writer {
	w = append(w, '<')
	w = append(w, root...)
	return append(w, ">\n"...)
}

func (w writer) open(name string) writer {
	w = append(w, "  <"...)
	w = append(w, name...)
	return append(w, '>')
}

func (w writer) close(name string) writer {
	w = append(w, "</"...)
	w = append(w, name...)
	return append(w, ">\n"...)
}

func (w writer) element(name, text string) writer {
	if text == "" {
		return w
	}
	w = w.open(name)
	w = appendEscape(w, text)
	return w.close(name)
}

func (w writer) time(name string, t time.Time) writer {
	if t.IsZero() {
		return w
	}
	w = w.open(name)
	w = appendTime(w, t)
	return w.close(name)
}

func (w writer) amount(name string, p protocol.Paise) writer {
	w = w.open(name)
	w = appendRupees(w, p)
	return w.close(name)
}

func (w writer) integer(name string, n int64) writer {
	w = w.open(name)
	w = strconv.AppendInt(w, n, 10)
	return w.close(name)
}

func (w writer) end(root string) []byte {
	w = w.close(root)
	return append([]byte(nil), w[:len(w)-1]...)
}

// appendTime writes t in UTC, cut to the second.
func appendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05Z")
}

// appendRupees writes p as [protocol.Paise.Rupees] does.
func appendRupees(dst []byte, p protocol.Paise) []byte {
	u := uint64(p)
	if p < 0 {
		dst, u = append(dst, '-'), -u
	}
	dst = strconv.AppendUint(dst, u/100, 10)
	return append(dst, '.', byte('0'+u%100/10), byte('0'+u%10))
}

// appendEscape writes text as encoding/xml's EscapeText does, so that text and
// values of attributes read back as they are: what XML cannot hold becomes
// U+FFFD.
func appendEscape(dst []byte, text string) []byte {
	from := 0
	for at := 0; at < len(text); {
		r, size := rune(text[at]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[at:])
		}
		escape := ""
		switch {
		case r == '"':
			escape = "&#34;"
		case r == '\'':
			escape = "&#39;"
		case r == '&':
			escape = "&amp;"
		case r == '<':
			escape = "&lt;"
		case r == '>':
			escape = "&gt;"
		case r == '\t':
			escape = "&#x9;"
		case r == '\n':
			escape = "&#xA;"
		case r == '\r':
			escape = "&#xD;"
		case r < 0x20 || r == 0xFFFE || r == 0xFFFF || r == utf8.RuneError && size == 1:
			escape = "\uFFFD"
		}
		if escape != "" {
			dst = append(dst, text[from:at]...)
			dst = append(dst, escape...)
			from = at + size
		}
		at += size
	}
	return append(dst, text[from:]...)
}
