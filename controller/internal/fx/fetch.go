package fx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/galla-pay/galla/controller/internal/roundtrip"
)

// newTransport makes the only way out: no proxy, cookies, compression or HTTP/2.
// It is used below http.Client, so it follows no redirect.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:     (&net.Dialer{Timeout: Timeout}).DialContext,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		Protocols:       protocols, DisableCompression: true,
		IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 16 << 10,
	}
}

// fetch asks once. Its errors hold nothing of the URL's query, which may hold the
// key of an account, nor of the answer.
func (s *Source) fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.URL, nil)
	if err != nil {
		return nil, errors.New("request cannot be made")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "galla-fx/1")
	response, err := s.cfg.Transport.RoundTrip(request)
	if err != nil {
		return nil, roundtrip.Readable(err)
	}
	defer response.Body.Close()
	switch code := response.StatusCode; {
	case code >= 300 && code <= 399:
		return nil, fmt.Errorf("HTTP %d: redirects are not followed", code)
	case code != http.StatusOK:
		return nil, fmt.Errorf("HTTP %d", code)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return nil, roundtrip.Readable(err)
	case len(body) > MaxAnswer:
		return nil, errors.New("the answer is longer than 1 MiB")
	}
	return body, nil
}
