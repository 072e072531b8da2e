package admin

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// MaxID is the longest id, in characters (phonepe-api: Wire rules; v1 paths).
const MaxID = 39

// Other limits.
const (
	maxName         = 100 // characters
	maxHosts        = 20
	maxCertificates = 10
	maxFee          = 10_000 // basis points: all of it
)

// checks collects what is wrong; the first is told.
type checks struct{ err error }

func (c *checks) that(ok bool, field, detail string) {
	if c.err == nil && !ok {
		c.err = Invalid(field, detail)
	}
}

func (c *checks) id(field, value string) {
	c.that(protocol.ValidID(value, MaxID), field, fmt.Sprintf("must be 1 to %d characters of A-Z, a-z, 0-9, _ and -", MaxID))
}

func (c *checks) name(field, value string) {
	c.that(value != "" && printable(value, maxName), field, fmt.Sprintf("must be 1 to %d printable characters, without space at either end", maxName))
}

// printable reports whether text can be shown and kept as it is.
func printable(text string, max int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= max && strings.TrimSpace(text) == text &&
		!strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
}

func (c *checks) mcc(field, value string) {
	digits := len(value) == 4 && strings.Trim(value, "0123456789") == ""
	c.that(digits, field, "must be a merchant category code of 4 digits, such as 5411")
}

func (c *checks) vpa(field string, value protocol.VPA) {
	c.that(value.Valid(), field, "must be a VPA, name@handle")
}

func (c *checks) callbackURL(field, value string) {
	if value == "" {
		return
	}
	err := merchant.Merchant{}.CheckCallbackURL(value, true)
	if err != nil {
		c.that(false, field, err.Error())
	}
}

func (c *checks) hosts(field string, hosts []string) {
	c.that(len(hosts) <= maxHosts, field, fmt.Sprintf("must name at most %d hosts", maxHosts))
	seen := map[string]bool{}
	for _, host := range hosts {
		c.that(validHost(host), field, "must be names of hosts in lower case, such as pos.example.in, without scheme and port")
		c.that(!seen[host], field, "names a host twice")
		seen[host] = true
	}
}

// validHost reports whether text is a DNS name of two labels at least, in lower
// case. An address is none: a callback goes to names alone.
func validHost(text string) bool {
	labels := strings.Split(text, ".")
	if len(text) > 253 || len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

func (c *checks) fee(field string, basisPoints int64) {
	c.that(basisPoints >= 0 && basisPoints <= maxFee, field, "must be 0 to 10000 basis points")
}

// acquirerCodes are how an acquirer of the sandbox may always answer (upi-switch:
// Sandbox data).
func acquirerCodes() []string { return []string{"", "YH", "IP05", "IP08", "IP10"} }

// number reads a whole number of a query.
func number(field, text string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high || strconv.FormatInt(n, 10) != text {
		return 0, Invalid(field, fmt.Sprintf("must be a whole number from %d to %d", low, high))
	}
	return n, nil
}

// shownURL is a URL as it may be shown: its query may hold a secret.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || raw == "" {
		return ""
	}
	shown := *u
	shown.User, shown.RawQuery, shown.Fragment = nil, "", ""
	text := shown.String()
	if u.RawQuery != "" {
		text += "?***"
	}
	return text
}
