package admin

// Decode reads a body as the door does.
func Decode(text []byte, into any) error { return decode(text, into) }

// ViewCertificate shows a certificate as it is at a moment.
var ViewCertificate = viewCertificate
