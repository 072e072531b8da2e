package upixml

import (
	"crypto/x509"
	"encoding/pem"
)

// Certificates reads an organisation's registered certificates, each in PEM. A
// text that is none vouches for nobody and is left out.
func Certificates(texts []string) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, text := range texts {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, cert)
		}
	}
	return certs
}
