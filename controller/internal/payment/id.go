package payment

import "encoding/base32"

// FormatID writes 16 bytes, a UUID v7, as an id of ours: GP and 26 letters and
// digits that sort by time, 28 in all, so that it fits in a link's tr (35).
func FormatID(id [16]byte) string {
	return "GP" + base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(id[:])
}
