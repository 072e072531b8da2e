package protocol

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// MaxIDLength bounds a merchant, store or terminal id. (Transaction ids have
// the tighter limits of phonepe-api: Wire rules.)
const MaxIDLength = 64

// ErrIdentity is returned for anything that is not a terminal's identity.
var ErrIdentity = errors.New("identity must be merchantId.storeId.terminalId, each of letters, digits, _ and -")

// ValidID reports whether s is 1..max characters of [A-Za-z0-9_-] (phonepe-api:
// Wire rules; the hyphen is what real clients send).
func ValidID(s string, max int) bool {
	if s == "" || len(s) > max {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return !idRune(c) })
}

// ValidShortOrderID reports whether s is 4 to 8 digits, as a cashier types them
// to pull an OPEN order (phonepe-api: Payment init). Leading zeros matter.
func ValidShortOrderID(s string) bool {
	return len(s) >= 4 && len(s) <= 8 && !strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' })
}

func idRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// Identity names one terminal. Its text form, {merchantId}.{storeId}.{terminalId},
// is the terminal's MQTT client id and user name (DESIGN section 4).
type Identity struct {
	MerchantID string
	StoreID    string
	TerminalID string
}

// ColonID is the identity with colons in place of its dots: the client id at brokers
// that take none with dots (NATS). No identity holds a colon, so that each has one
// of its own.
func (id Identity) ColonID() string { return strings.ReplaceAll(id.String(), ".", ":") }

// ParseIdentity reads the text form, or returns ErrIdentity.
func ParseIdentity(s string) (Identity, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return Identity{}, ErrIdentity
	}
	id := Identity{MerchantID: parts[0], StoreID: parts[1], TerminalID: parts[2]}
	if !id.Valid() {
		return Identity{}, ErrIdentity
	}
	return id, nil
}

// Valid reports whether all three parts are ids.
func (id Identity) Valid() bool {
	return ValidID(id.MerchantID, MaxIDLength) && ValidID(id.StoreID, MaxIDLength) && ValidID(id.TerminalID, MaxIDLength)
}

// String is the text form.
func (id Identity) String() string {
	return id.MerchantID + "." + id.StoreID + "." + id.TerminalID
}

// MarshalText writes the text form.
func (id Identity) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the text form, or returns ErrIdentity.
func (id *Identity) UnmarshalText(b []byte) error {
	parsed, err := ParseIdentity(string(b))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// VPA is a UPI virtual payment address, name@handle. It never reaches a log
// whole: LogValue and the fmt verbs mask it. Use string(v) where the address
// itself is meant.
type VPA string

// Valid reports whether v has the form name@handle that UPI allows, 255
// characters at most: a name of
// [A-Za-z0-9._-], an @, and a handle of 2 to 64 of
// [A-Za-z0-9.-] that begins with a letter or digit, such as okbank1 or
// HDFC0000001.ifsc.npci.
func (v VPA) Valid() bool {
	name, handle, ok := strings.Cut(string(v), "@")
	if !ok || len(v) > 255 || len(name) < 1 || len(handle) < 2 || len(handle) > 64 {
		return false
	}
	first := handle[0]
	return !strings.ContainsFunc(name, func(c rune) bool { return c != '.' && !idRune(c) }) &&
		!strings.ContainsFunc(handle, func(c rune) bool { return c != '.' && (c == '_' || !idRune(c)) }) &&
		first != '.' && first != '-'
}

// Masked keeps the first character and the handle: "c***@upi".
func (v VPA) Masked() string {
	if v == "" {
		return ""
	}
	name, handle, _ := strings.Cut(string(v), "@")
	if name == "" {
		return "***@" + handle
	}
	return name[:1] + "***@" + handle
}

// LogValue masks v for log/slog.
func (v VPA) LogValue() slog.Value { return slog.StringValue(v.Masked()) }

// Format masks v for every fmt verb.
func (v VPA) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(v.Masked())) }
