package identity

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

const (
	// codeLimit bounds an enrolment by a code, all its tries included; somebody
	// stands there and waits.
	codeLimit = time.Minute
	// codeTries is how often it is tried over a network that fails; an answer
	// that asks to come again is not counted.
	codeTries = 4
	// codeGap is between two tries; it doubles.
	codeGap = time.Second
)

// codeForbidden is a code that is not taken (deviceapi).
const codeForbidden = "FORBIDDEN"

// CodeRefused: the controller does not take the code, and never will.
type CodeRefused struct{ Refusal }

// Error implements error. It says what to do.
func (r *CodeRefused) Error() string {
	return "the code is wrong, was used or is too old: ask the operator for a new one: galla-controller terminal enrol-code MERCHANT/STORE/TERMINAL"
}

// Untrusted: whoever answers at the controller's address is not believed.
type Untrusted struct{ Err error }

// Error implements error. It says what to do.
func (u *Untrusted) Error() string {
	return "the controller's certificate is not trusted (" + u.Err.Error() + "): name its certificate authority by --ca FILE, or its key by --pin sha256/..."
}

// Unwrap returns the reason.
func (u *Untrusted) Unwrap() error { return u.Err }

// CheckPrivate refuses to send a code, and to be sent a token, in the clear to
// anything but this machine.
func CheckPrivate(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	address, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "https" || u.Hostname() == "localhost" || err == nil && address.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s is not encrypted: everybody on the way could read the terminal's token; use https://, or --insecure if you must", base)
}

// CodeEnroller enrols a terminal by a code that an operator made.
type CodeEnroller struct {
	Controller string // base URL
	Code       protocol.EnrolCode
	// Want is the terminal that the code must be for; the zero value takes any.
	Want      protocol.Identity
	Transport Transport
	Store     *Store
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Log       *slog.Logger
}

// Run makes the device's key, asks the controller, and stores what it answers in
// the place of whatever was stored. It asks again where the network fails or the
// controller is busy, for a minute at most. Where it returns an error, the store
// still holds what it held; it may be called again with the same code, also when
// the controller had taken it and the answer was lost.
//
// The errors to tell apart are CodeRefused, Untrusted and Refusal.
func (e *CodeEnroller) Run(ctx context.Context) (*Credentials, error) {
	if err := e.Transport.Check(); err != nil {
		return nil, err
	}
	key, err := e.Store.PendingKey()
	if err != nil {
		return nil, err
	}
	request, err := protocol.NewEnrolCodeRequest(e.Code, protocol.NewSigningKey(key))
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	answer, err := e.askPatiently(ctx, body)
	if err != nil {
		return nil, err
	}
	if e.Want != (protocol.Identity{}) && answer.Identity != e.Want {
		return nil, fmt.Errorf("the code is for %s, and this terminal is configured as %s: correct the configuration and call this again with the same code within ten minutes, or ask for another code",
			answer.Identity, e.Want)
	}
	return e.Store.Replace(key, answer, e.Transport)
}

// askPatiently asks until there is an answer that counts.
func (e *CodeEnroller) askPatiently(ctx context.Context, body []byte) (protocol.EnrolAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, codeLimit)
	defer cancel()
	client := e.Transport.client(e.Dial, e.Store.clock)
	defer client.CloseIdleConnections()
	for try, gap := 1, codeGap; ; gap *= 2 {
		answer, wait, err := e.ask(ctx, client, body)
		if err == nil {
			return answer, nil
		}
		if wait == 0 {
			if wait = gap; try == codeTries || final(err) {
				return answer, err
			}
			try++
		}
		e.Log.Warn("not enrolled yet; trying again", "controller", e.Controller, "in", wait, "err", err)
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(wait):
		}
	}
}

// final reports whether asking again would not help.
func final(err error) bool {
	var refused *CodeRefused
	var untrusted *Untrusted
	var refusal *Refusal
	return errors.As(err, &refused) || errors.As(err, &untrusted) ||
		errors.As(err, &refusal) && !refusal.busy || errors.Is(err, errWrongAnswer)
}

// errWrongAnswer: the controller's answer is of no use, and will not be better.
var errWrongAnswer = errors.New("wrong answer")

// ask is one try. wait is how long the controller asked to wait, 0 where it did
// not. The answer is checked, but not stored.
func (e *CodeEnroller) ask(ctx context.Context, client *http.Client, body []byte) (answer protocol.EnrolAnswer, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*enrolTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(e.Controller, "/")+protocol.EnrolCodePath, bytes.NewReader(body))
	if err != nil {
		return answer, 0, fmt.Errorf("enrol: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return answer, 0, dialled(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answer, 0, fmt.Errorf("enrol: read the answer: %w", err)
	case len(text) > maxAnswer:
		return answer, 0, fmt.Errorf("enrol: %w: longer than %d bytes", errWrongAnswer, maxAnswer)
	case res.StatusCode/100 == 3:
		return answer, 0, fmt.Errorf("enrol: %w: the controller sends us to %.200q; enrol there if that is right", errWrongAnswer, res.Header.Get("Location"))
	case res.StatusCode != http.StatusOK:
		return answer, retryAfter(res), refusedCode(res.StatusCode, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, 0, fmt.Errorf("enrol: %w: no enrolment: %v", errWrongAnswer, err)
	}
	if _, err := enrolmentOf(answer).check(answer.Identity, []byte(answer.KeySet)); err != nil {
		return answer, 0, fmt.Errorf("enrol: %w: %v", errWrongAnswer, err)
	}
	if !answer.Identity.Valid() {
		return answer, 0, fmt.Errorf("enrol: %w: %v", errWrongAnswer, protocol.ErrIdentity)
	}
	return answer, 0, nil
}

// dialled tells a server that is not believed from a network that fails.
func dialled(err error) error {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		return &Untrusted{verification.Err}
	}
	if errors.Is(err, ErrPin) {
		return &Untrusted{errors.Unwrap(err)}
	}
	return fmt.Errorf("enrol: %w", err)
}

func refusedCode(status int, text []byte) error {
	r := refusal(status, text)
	r.busy = status == http.StatusTooManyRequests || status >= 500
	if r.Code == codeForbidden && status == http.StatusForbidden {
		return &CodeRefused{*r}
	}
	return r
}

// retryAfter is how long a busy controller asks to wait, 0 where it does not.
func retryAfter(res *http.Response) time.Duration {
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return 0
	}
	return time.Duration(min(seconds, int(codeLimit/time.Second))) * time.Second
}

// KeyID is the id of the device's key, for people.
func (c *Credentials) KeyID() string {
	return protocol.KeyID(c.Key.Private.Public().(ed25519.PublicKey))
}
