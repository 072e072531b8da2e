package npci

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// PathCertificate is where a controller serves the certificate of its key.
const PathCertificate = "/api/v1/dynamic-qr/certificate"

var errNoCertificate = errors.New("no certificate")

// refetchEvery is how often a bad signature makes us fetch it again at most.
const refetchEvery = time.Second

// FetchCertificate asks a controller for the certificate of the key by which it
// signs; nil means http.DefaultClient.
func FetchCertificate(ctx context.Context, client *http.Client, baseURL string) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(baseURL, "/")+PathCertificate, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCertificate, err)
	}
	resp, err := cmp.Or(client, http.DefaultClient).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCertificate, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	block, _ := pem.Decode(text)
	if err != nil || resp.StatusCode != http.StatusOK || block == nil {
		return nil, fmt.Errorf("%w: HTTP %d", errNoCertificate, resp.StatusCode)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCertificate, err)
	}
	return cert, nil
}

// certificate is the controller's, as it was fetched last.
type certificate struct {
	mu      sync.Mutex
	cert    *x509.Certificate
	fetched time.Time
}

// verify returns the part of a message that the controller signed. A controller
// that was set up anew has another key, so that its certificate is fetched again
// before a signature is refused.
func (c *certificate) verify(ctx context.Context, client *http.Client, baseURL string, doc []byte) ([]byte, error) {
	cert, err := c.get(ctx, client, baseURL)
	if err != nil {
		return nil, err
	}
	signed, err := verify(doc, cert)
	if err == nil {
		return signed, nil
	}
	again, changed := c.refresh(ctx, client, baseURL, cert)
	if !changed {
		return nil, err
	}
	return verify(doc, again)
}

func (c *certificate) get(ctx context.Context, client *http.Client, baseURL string) (*x509.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cert != nil {
		return c.cert, nil
	}
	return c.fetch(ctx, client, baseURL)
}

func (c *certificate) refresh(ctx context.Context, client *http.Client, baseURL string, old *x509.Certificate) (cert *x509.Certificate, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cert != nil && c.cert.Equal(old) && time.Since(c.fetched) >= refetchEvery {
		if _, err := c.fetch(ctx, client, baseURL); err != nil {
			return nil, false
		}
	}
	return c.cert, c.cert != nil && !c.cert.Equal(old)
}

// fetch asks the controller. The caller holds the lock.
func (c *certificate) fetch(ctx context.Context, client *http.Client, baseURL string) (*x509.Certificate, error) {
	cert, err := FetchCertificate(ctx, client, baseURL)
	if err != nil {
		return nil, err
	}
	c.cert, c.fetched = cert, time.Now()
	return cert, nil
}
