// Package roundtrip says what went wrong when we asked somebody over HTTP. The
// back doors that ask (network, fx) call it before they log an error.
package roundtrip

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// Readable says what went wrong with a round trip without repeating any of the
// answer: net/http quotes what it could not read, and that may name a customer.
func Readable(err error) error {
	var (
		op      *net.OpError
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		timeout net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("it took too long")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended")
	case errors.As(err, &dns), errors.As(err, &op), errors.As(err, &cert):
		return err
	}
	return errors.New("the answer is not readable HTTP")
}
