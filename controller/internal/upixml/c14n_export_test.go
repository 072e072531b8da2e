package upixml

// Canonical is the exclusive C14N of a document without its Signature, with
// nothing asked of it but what package token asks.
func Canonical(doc []byte) ([]byte, error) {
	r := new(workspace).reading()
	err := r.read(doc)
	return r.root.text, err
}
