package upixml

import (
	"strings"

	"github.com/galla-pay/galla/protocol/upiuri"
	"github.com/galla-pay/galla/protocol/xverify"
)

// linkStart is what a whole link has and a query string has not.
const linkStart = "upi://pay?"

// Ref is the QR that a RefUrl carries (upi-switch: The QR and the payee). Of
// the link only the mode is sure to be there.
type Ref struct {
	upiuri.Link

	// Text is the whole link as it was sent, for [upiuri.Verify] to judge the
	// signature by; of a bare query string, that string after "upi://pay?".
	Text string
}

// ParseRefUrl reads a RefUrl: base64, standard or URL-safe, of a query string
// or of the whole upi://pay link. A text that cannot be read as one, or in two
// ways, is an *Error of code BR. One whose mode (or initiation_mode) is not 16
// is an *Error of code ZQ that is also ErrNotDynamic.
func ParseRefUrl(refURL string) (Ref, error) {
	ref, refusal := parseRefURL(refURL)
	if refusal != nil {
		return Ref{}, refusal
	}
	return ref, nil
}

func parseRefURL(refURL string) (Ref, *Error) {
	data, err := xverify.DecodeBody(refURL)
	if err != nil {
		return Ref{}, bad("element RefUrl is not base64")
	}
	ref, refusal := parseLink(string(data))
	if refusal != nil && refusal.Code == CodeBadRequest {
		refusal.Message = "element RefUrl: " + refusal.Message
	}
	return ref, refusal
}

// parseLink reads a query string or a whole upi://pay link. Of one that is not
// dynamic it returns the link beside the refusal.
func parseLink(written string) (Ref, *Error) {
	query, whole := strings.CutPrefix(written, linkStart)
	read, text := upiuri.ParseQuery, query
	if whole {
		read, text = upiuri.Parse, linkStart+query
	}
	link, err := read(text)
	if err != nil {
		// The messages of upiuri quote no value.
		return Ref{}, bad(err.Error())
	}
	ref := Ref{Link: link, Text: linkStart + query}
	if link.Mode != upiuri.ModeDynamic {
		return ref, &Error{Code: CodeNotDynamic, Message: "the QR is not a dynamic one: its mode is not 16"}
	}
	return ref, nil
}
