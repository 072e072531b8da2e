package callback

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// The results of an attempt, for the record and the metrics.
const (
	ResultDelivered = "delivered"       // 2xx within SendTimeout
	ResultStatus    = "http_status"     // another status
	ResultRedirect  = "redirect"        // 3xx: never followed
	ResultTimeout   = "timeout"         // no status line in time
	ResultRefused   = "refused_address" // the address may not be dialled
	ResultDNS       = "dns"             // the name has no address
	ResultConnect   = "connect"         // nobody listens, or no route
	ResultTLS       = "tls"             // certificate or handshake
	ResultProtocol  = "protocol"        // not an HTTP answer
	ResultBadURL    = "bad_url"         // the row can never be sent: dead at once
	ResultLocal     = "local"           // it failed here, before it was sent
)

// Results are all of them.
func Results() []string {
	return []string{
		ResultDelivered, ResultStatus, ResultRedirect, ResultTimeout, ResultRefused, ResultDNS,
		ResultConnect, ResultTLS, ResultProtocol, ResultBadURL, ResultLocal,
	}
}

// MaxURL and MaxError bound a URL and a recorded error text, in bytes.
const (
	MaxURL   = 2048
	MaxError = 300
)

// answer is what came of sending, before anybody decides what follows.
type answer struct {
	result string
	status int
	err    error // nil only when delivered
}

// send makes one attempt: render, sign, send, read the status. It takes at
// most renderTimeout and SendTimeout, and is over by overBy or not begun.
//
// Life of a payment, step 10: The merchant is told by a callback, and status
// always tells the truth.
func (s *Sender) send(ctx context.Context, d Delivery, overBy time.Time) answer {
	target, err := parseTarget(d)
	if err != nil {
		return answer{result: ResultBadURL, err: err}
	}
	request, err := s.request(ctx, d, target)
	if err != nil {
		return answer{result: ResultLocal, err: err}
	}
	// A process that was stopped for a while must not send under a lease that
	// has since passed to another (failure matrix R20).
	if time.Now().Add(SendTimeout).After(overBy) {
		return answer{result: ResultLocal, err: errors.New("too late to send within the lease")}
	}

	ctx, cancel := context.WithTimeout(ctx, SendTimeout)
	defer cancel()
	response, err := s.transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		result := classify(err)
		if result == ResultProtocol {
			err = unreadable(err)
		}
		return answer{result: result, err: err}
	}
	// The status decides. The body is read only so that the connection can be
	// used again, and never shown to anybody.
	_, _ = io.CopyN(io.Discard, response.Body, MaxResponse)
	_ = response.Body.Close()
	switch code := response.StatusCode; {
	case code >= 200 && code <= 299:
		return answer{result: ResultDelivered, status: code}
	case code >= 300 && code <= 399:
		return answer{result: ResultRedirect, status: code, err: fmt.Errorf("HTTP %d: redirects are not followed", code)}
	default:
		return answer{result: ResultStatus, status: code, err: fmt.Errorf("HTTP %d", code)}
	}
}

// parseTarget refuses what could never be sent. The words name the fault and
// never quote the URL, which may hold a secret.
func parseTarget(d Delivery) (*url.URL, error) {
	if len(d.URL) > MaxURL {
		return nil, fmt.Errorf("URL of %d bytes is above the limit of %d", len(d.URL), MaxURL)
	}
	u, err := url.Parse(d.URL)
	switch {
	// A space would end the request line: net/url lets one through in a query.
	case err != nil, strings.ContainsAny(d.URL, " \t\r\n\x00\x7f"):
		return nil, errors.New("URL cannot be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("URL is neither http nor https")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("URL has no host")
	case u.User != nil:
		return nil, errors.New("URL has user information")
	case d.Method != "" && d.Method != http.MethodPost && d.Method != http.MethodPut:
		return nil, errors.New("method is neither POST nor PUT")
	case !protocol.ValidID(d.EventID, 128):
		return nil, errors.New("event id is not of letters, digits, _ and -")
	}
	return u, nil
}

// request renders the notice as it is now and signs it.
func (s *Sender) request(ctx context.Context, d Delivery, target *url.URL) (*http.Request, error) {
	header, body, err := s.Compose(ctx, d.EventID, d.PaymentID, d.LeasedAt)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(Method(d.Method), target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("request cannot be made")
	}
	r.Header = header
	return r, nil
}

func tlsConfig(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// classify names the failure of a round trip. The order matters: a refused
// address is also a failure to connect, and a look-up may time out.
func classify(err error) string {
	var (
		dns     *net.DNSError
		op      *net.OpError
		timeout net.Error
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.Is(err, errRefused):
		return ResultRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ResultTimeout
	case errors.As(err, &dns):
		return ResultDNS
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert):
		return ResultTLS
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"): // crypto/tls's own words
		return ResultTLS
	case errors.As(err, &op) && op.Op == "dial":
		return ResultConnect
	default:
		return ResultProtocol
	}
}

// unreadable says what was wrong with an answer without repeating any of it:
// net/http quotes what it could not read, and that may be anybody's secret.
func unreadable(err error) error {
	for _, closed := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, closed) {
			return fmt.Errorf("connection ended without an answer: %w", closed)
		}
	}
	return errors.New("the answer is not readable HTTP")
}

// errorText makes an error fit to be kept: no URL, one line, printable, short.
// (A NUL byte would fail a whole batch in PostgreSQL.)
func errorText(err error) string {
	if err == nil {
		return ""
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, err.Error())
	if len(text) > MaxError {
		text = text[:MaxError]
	}
	return text
}
