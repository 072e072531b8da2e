package table

import (
	"encoding/base32"
	"strings"
	"time"
)

// clockError is how far a controller's clock, which is in a payment's id, may be
// ahead of the database's, which is in its rows.
const clockError = 24 * time.Hour

const (
	paymentPrefix  = "GP"
	callbackPrefix = "EV" // before the id of the callback's payment
)

var idLetters = base32.HexEncoding.WithPadding(base32.NoPadding)

// MadeSince is a time before which there is nothing of a payment, by its id or that
// of its callback: our ids are UUIDs of version 7 and hold the time that they were
// drawn at. Of any other id it is the zero time of Unix, which is no bound. It
// spares a look into every month there has ever been; a clock that was wrong by
// more than a day makes it too late, so who finds nothing by it looks again
// without.
func MadeSince(id string) time.Time {
	unknown := time.Unix(0, 0).UTC()
	letters, ours := strings.CutPrefix(strings.TrimPrefix(id, callbackPrefix), paymentPrefix)
	raw, err := idLetters.DecodeString(letters)
	if !ours || err != nil || len(raw) != 16 || raw[6]>>4 != 7 {
		return unknown
	}
	var ms int64
	for _, b := range raw[:6] {
		ms = ms<<8 | int64(b)
	}
	if at := time.UnixMilli(ms).UTC().Add(-clockError); at.After(unknown) {
		return at
	}
	return unknown
}
