package token

import (
	"bytes"
	"unicode/utf8"
)

// AppendText appends what raw means, a text of [Tokenizer.Raw]: references
// resolved, CR LF and CR read as LF. It allocates only to let dst grow; what raw
// means is never longer than raw.
func AppendText(dst, raw []byte) []byte {
	for len(raw) > 0 {
		i := bytes.IndexAny(raw, "&\r")
		if i < 0 {
			break
		}
		dst = append(dst, raw[:i]...)
		raw = raw[i:]
		if raw[0] == '\r' {
			dst = append(dst, '\n')
			raw = bytes.TrimPrefix(raw[1:], []byte("\n"))
			continue
		}
		r, n := reference(raw)
		dst = utf8.AppendRune(dst, r)
		raw = raw[max(n, 1):]
	}
	return append(dst, raw...)
}

// AppendValue appends what raw means, the raw value of an [Attribute]:
// references resolved. There is nothing to normalise, since a tab or a line
// break can only be there as a reference.
func AppendValue(dst, raw []byte) []byte { return AppendText(dst, raw) }

// reference reads the reference with which raw begins and returns its character
// and its length, which is 0 if it is none that is taken.
func reference(raw []byte) (rune, int) {
	end := bytes.IndexByte(raw, ';')
	if end < 0 {
		return 0, 0
	}
	switch name := raw[1:end]; {
	case len(name) == 0:
		return 0, 0
	case name[0] == '#':
		return numeric(name[1:]), numericLength(name[1:], end)
	case string(name) == "lt":
		return '<', end + 1
	case string(name) == "gt":
		return '>', end + 1
	case string(name) == "amp":
		return '&', end + 1
	case string(name) == "apos":
		return '\'', end + 1
	case string(name) == "quot":
		return '"', end + 1
	}
	return 0, 0
}

func numericLength(digits []byte, end int) int {
	if numeric(digits) == 0 {
		return 0
	}
	return end + 1
}

// numeric reads what follows "&#", decimal or x and hexadecimal, of any number
// of leading zeros. It is 0, which XML has not, for what is no character.
func numeric(digits []byte) rune {
	base := rune(10)
	if len(digits) > 0 && digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	r := rune(0)
	for _, c := range digits {
		d := rune(0)
		switch {
		case c >= '0' && c <= '9':
			d = rune(c - '0')
		case base == 16 && c|0x20 >= 'a' && c|0x20 <= 'f':
			d = rune(c|0x20-'a') + 10
		default:
			return 0
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0
		}
	}
	if !character(r) {
		return 0
	}
	return r
}

// character is XML 1.0's production Char.
func character(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}
