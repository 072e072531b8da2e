package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/roundtrip"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// The paths below the network's base URL.
const (
	PathCollect = "/api/v1/collect"
	PathRefund  = "/api/v1/refund"
	PathCheck   = "/api/v1/check"
)

// Why an exchange came to nothing. Whether the network has the message is not
// known in either case.
var (
	errNoAnswer  = errors.New("no answer")
	errBadAnswer = errors.New("not an answer of the network")
)

// newTransport makes the only way out: no proxy, cookies, compression or HTTP/2.
// It is used below http.Client, so it follows no redirect.
func newTransport(cfg Config) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:     (&net.Dialer{Timeout: SendTimeout}).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
		Protocols:       protocols, DisableCompression: true,
		MaxIdleConnsPerHost: DefaultConcurrency, IdleConnTimeout: 30 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
	}
}

// exchange sends one message and returns the part of the answer that may be
// believed.
func (w *Worker) exchange(ctx context.Context, path string, doc []byte) ([]byte, error) {
	signed, err := w.cfg.Sign(doc)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, SendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(w.cfg.URL, "/")+path, bytes.NewReader(signed))
	if err != nil {
		return nil, errors.New("request cannot be made")
	}
	request.Header.Set("Content-Type", "application/xml; charset=utf-8")
	request.Header.Set("User-Agent", "galla-network/1")
	response, err := w.transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, roundtrip.Readable(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoAnswer, roundtrip.Readable(err))
	case len(answer) > MaxAnswer:
		return nil, fmt.Errorf("%w: it is longer than 64 KiB", errBadAnswer)
	}
	// The Status in the message decides, whatever HTTP says; but a page of another
	// server is easier understood by its number.
	if answer, err = w.verify(answer); err != nil {
		return nil, fmt.Errorf("%w (HTTP %d): %w", errBadAnswer, response.StatusCode, err)
	}
	return answer, nil
}

// verify returns the part of an answer that may be believed: what the
// organisation signed, or all of it where unsigned will do.
func (w *Worker) verify(doc []byte) ([]byte, error) {
	org, known := w.cfg.Directory().Organisation(w.cfg.OrgID)
	if !known {
		return nil, fmt.Errorf("organisation %s is not registered", w.cfg.OrgID)
	}
	if !upixml.HasSignature(doc) {
		if w.cfg.Sandbox && org.Unsigned {
			return doc, nil
		}
		return nil, errors.New("it is not signed")
	}
	return w.pinned.Verify(doc, org.Certificates, time.Now())
}

// maxError bounds a recorded error text, in bytes.
const maxError = 300

// errorText makes an error fit to be kept: one line, printable, short.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, err.Error())
	return text[:min(len(text), maxError)]
}
