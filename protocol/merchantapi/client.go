// Package merchantapi is a client of the merchant API for billing POSes written
// in Go (phonepe-api). It signs every documented request, checks the answers,
// asks for the status on the documented schedule and verifies callbacks. It
// speaks to PhonePe's hosts as it does to Galla: only URL and keys differ.
//
// It imports the standard library and xverify, nothing more. Amounts are int64
// and always whole paise, 1 to MaxAmount; times are epoch milliseconds; a
// lifetime is whole seconds.
//
// # What an error means
//
// A payment's key is its transaction id, unique for ever. Errors fall into
// three kinds, and every method returns only these:
//
//   - [ErrInvalid]: nothing was sent.
//   - [*Error]: the server said no, in its code.
//   - [ErrUnknown]: it may have been done or not, because the answer was lost
//     or was INTERNAL_SERVER_ERROR. Ask for the status (Poll) until it is final.
//     Never ask for the money again under another id.
//
// The client never sends a request a second time, but for one case: 429 says
// that it was refused unread, so it is sent again after Retry-After, the same
// bytes.
package merchantapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
)

// MaxAmount is the largest amount of one request, in paise (phonepe-api: Wire
// rules).
const MaxAmount = 10_000_000_000

const (
	answerLimit   = 4 << 20 // bytes of an answer that are read
	callTimeout   = 15 * time.Second
	limitedTries  = 4                // sends of a request that is answered 429
	longestLimit  = 30 * time.Second // a longer Retry-After is the caller's to wait for
	shortestLimit = time.Second      // where 429 names no time
)

// Config says who asks, and where.
type Config struct {
	// BaseURL is the host, with the deployment prefix if it has one:
	// "http://127.0.0.1:8080", "https://mercury-uat.phonepe.com/enterprise-sandbox".
	// The prefix is not part of what is signed.
	BaseURL    string
	MerchantID string
	// SaltKey and SaltIndex sign: the merchant's, or the provider's when
	// ProviderID is set.
	SaltKey   string `json:"-"`
	SaltIndex int
	// ProviderID is sent as X-PROVIDER-ID; empty for a merchant on its own.
	ProviderID string
	// CallbackURL and CallbackMode (POST or PUT) are sent with every request that
	// has a body; empty means the registered URL and POST.
	CallbackURL  string
	CallbackMode string
	// HTTP makes the calls; nil means one with a timeout of 15 s. Redirects are
	// never followed, whatever it says.
	HTTP *http.Client
}

// String names the merchant and the host, never the key.
func (c Config) String() string { return c.MerchantID + " at " + c.BaseURL }

// GoString is String, so that %#v does not print the key either.
func (c Config) GoString() string { return c.String() }

// Client makes the requests of one merchant. It is safe for use by many
// goroutines, and never prints its key.
type Client struct {
	cfg  Config
	base string
	http http.Client
}

// New checks c, or returns ErrInvalid.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "", u.User != nil:
		return nil, fmt.Errorf("%w: BaseURL must be http(s)://host, with a path at most", ErrInvalid)
	case !validID(c.MerchantID, maxID):
		return nil, fmt.Errorf("%w: MerchantID must be 1 to %d letters, digits, _ or -", ErrInvalid, maxID)
	case c.ProviderID != "" && !validID(c.ProviderID, maxID):
		return nil, fmt.Errorf("%w: ProviderID must be letters, digits, _ or -", ErrInvalid)
	case c.SaltKey == "":
		return nil, fmt.Errorf("%w: SaltKey is empty", ErrInvalid)
	case c.SaltIndex < 1 || c.SaltIndex > xverify.MaxIndex:
		return nil, fmt.Errorf("%w: SaltIndex must be 1 to %d", ErrInvalid, xverify.MaxIndex)
	}
	client := &Client{cfg: c, base: strings.TrimRight(c.BaseURL, "/"), http: http.Client{Timeout: callTimeout}}
	if c.HTTP != nil {
		client.http = *c.HTTP
	}
	client.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client, nil
}

// ForMerchant is the same client for another merchant: a provider's key signs
// for every merchant that is mapped to it. It returns ErrInvalid.
func (c *Client) ForMerchant(merchantID string) (*Client, error) {
	cfg := c.cfg
	cfg.MerchantID = merchantID
	return New(cfg)
}

// WithCallback is the same client with another X-CALLBACK-URL.
func (c *Client) WithCallback(callbackURL string) *Client {
	other := *c
	other.cfg.CallbackURL = callbackURL
	return &other
}

// String is the configuration's.
func (c *Client) String() string { return c.cfg.String() }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// envelope is the form of every answer (phonepe-api: Wire rules). Code is null
// or missing in two documented successes, recon and the unified cancel.
type envelope struct {
	Success *bool           `json:"success"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
	status  int             // HTTP
	request string          // X-Request-Id
	retry   time.Duration   // Retry-After
	whole   []byte
}

func (e envelope) fault() *Error {
	return &Error{
		HTTPStatus: e.status, Code: e.Code, Message: e.Message, RequestID: e.request, RetryAfter: e.retry, Data: e.Data,
	}
}

// call is one request of the API: payload nil has no body. states are the codes
// that answer the question although success is false.
func (c *Client) call(ctx context.Context, method, path string, payload any, states ...string) (envelope, error) {
	text := ""
	if payload != nil {
		fields, err := json.Marshal(payload)
		if err != nil {
			return envelope{}, fmt.Errorf("%w: %v", ErrInvalid, err)
		}
		text = xverify.EncodeBody(fields)
	}
	for try := 1; ; try++ {
		e, err := c.send(ctx, method, path, text, states)
		var fault *Error
		if !errors.As(err, &fault) || fault.HTTPStatus != http.StatusTooManyRequests ||
			try == limitedTries || fault.RetryAfter > longestLimit || !pause(ctx, fault.RetryAfter) {
			return e, err
		}
	}
}

func (c *Client) send(ctx context.Context, method, path, text string, states []string) (envelope, error) {
	var body io.Reader
	if text != "" {
		body = strings.NewReader(`{"request":"` + text + `"}`)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return envelope{}, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	r.Header.Set("X-VERIFY", xverify.Header(text, path, c.cfg.SaltKey, c.cfg.SaltIndex))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	for name, value := range map[string]string{"X-PROVIDER-ID": c.cfg.ProviderID, "X-CALLBACK-URL": c.cfg.CallbackURL, "X-CALL-MODE": c.cfg.CallbackMode} {
		if value != "" && (name == "X-PROVIDER-ID" || text != "") {
			r.Header.Set(name, value)
		}
	}
	response, err := c.http.Do(r)
	if err != nil {
		return envelope{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	defer response.Body.Close()
	whole, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return envelope{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return read(response, whole, states)
}

// read tells an answer of the API from everything else that may come back on
// the way: a proxy's page, a redirect, half an answer.
func read(response *http.Response, whole []byte, states []string) (envelope, error) {
	e := envelope{
		status: response.StatusCode, request: response.Header.Get("X-Request-Id"), retry: retryAfter(response), whole: whole,
	}
	wrong := json.Unmarshal(whole, &e) != nil || e.Success == nil || !*e.Success && e.Code == ""
	switch {
	case wrong && e.status == http.StatusTooManyRequests: // a gateway's, in its own form
		return e, &Error{HTTPStatus: e.status, Code: "TOO_MANY_REQUESTS", RequestID: e.request, RetryAfter: e.retry}
	case wrong, e.status/100 == 3, *e.Success && e.status/100 != 2:
		return e, fmt.Errorf("%w: HTTP %d is not an answer of the API", ErrUnknown, e.status)
	case *e.Success:
		return e, nil
	}
	for _, state := range states {
		if e.Code == state && e.status < http.StatusInternalServerError {
			return e, nil
		}
	}
	return e, e.fault()
}

// retryAfter reads both forms of the header, seconds and a date.
func retryAfter(response *http.Response) time.Duration {
	text := response.Header.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = time.Until(at)
	}
	if response.StatusCode == http.StatusTooManyRequests {
		return max(wait, shortestLimit)
	}
	return max(wait, 0)
}

// pause waits, unless ctx ends first or is sure to.
func pause(ctx context.Context, wait time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// decode reads the data of an answer.
func decode[T any](e envelope) (T, error) {
	var data T
	if len(e.Data) == 0 || bytes.Equal(e.Data, []byte("null")) {
		return data, fmt.Errorf("%w: %s without data", ErrUnknown, e.Code)
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return data, fmt.Errorf("%w: data of %s: %v", ErrUnknown, e.Code, err)
	}
	return data, nil
}

// about holds an answer against its question: clients that trust an answer to
// another question have paid for it. Amount 0 is not compared.
func (c *Client) about(merchantID, gotID, wantID string, got, want int64) error {
	if merchantID != c.cfg.MerchantID || gotID != wantID || want != 0 && got != want {
		return fmt.Errorf("%w: asked about %s of %s, answered about %s of %s", ErrUnknown, wantID, c.cfg.MerchantID, gotID, merchantID)
	}
	return nil
}
