package upixml

// WithoutKeyInfo returns a Signer whose messages say nothing of the certificate, as
// a peer may send them.
func (s *Signer) WithoutKeyInfo() *Signer { return &Signer{key: s.key, by: s.by} }
