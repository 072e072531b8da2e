package identity

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

const (
	// One enrolment takes this long at most, dialling included.
	enrolTimeout = 5 * time.Second
	// The gap between two tries grows from the first to the second, less up to
	// half of it, so that a hall full of terminals does not ask in step.
	enrolFirstGap = time.Second
	enrolLastGap  = 15 * time.Second
	// An answer holds a token and some keys.
	maxAnswer = 64 << 10
)

// Refusal is a controller's no. It may change its mind once somebody has set
// the terminal up, so it is asked again.
type Refusal struct {
	Code    string // of protocol.EnrolError, or "HTTP 500"
	Message string

	busy bool // it said so of the moment, not of us
}

// Error implements error.
func (r *Refusal) Error() string {
	return strings.TrimRight("enrolment refused: "+r.Code+" "+r.Message, " ")
}

// Enroller asks a sandbox controller for credentials.
type Enroller struct {
	Controller string // base URL
	Identity   protocol.Identity
	Store      *Store
	Dial       func(ctx context.Context, network, address string) (net.Conn, error)
	// Failed is told every try that failed; nil: nobody.
	Failed func(error)
	Log    *slog.Logger
}

// CheckController says what is wrong with a controller's base URL.
func CheckController(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("controller %q is not http://host:port or https://host:port", base)
	}
	return nil
}

// Run asks until there are credentials, and stores them; it returns ctx's error
// when that ends first. A store that cannot keep them ends it too.
func (e *Enroller) Run(ctx context.Context) (*Credentials, error) {
	key, err := e.Store.Key()
	if err != nil {
		return nil, err
	}
	client := Transport{}.client(e.Dial, e.Store.clock)
	defer client.CloseIdleConnections()
	for gap := enrolFirstGap; ; gap = min(2*gap, enrolLastGap) {
		answer, err := e.ask(ctx, client, key.Public().(ed25519.PublicKey))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			return e.Store.Keep(e.Identity, answer)
		}
		e.Log.Warn("cannot enrol", "controller", e.Controller, "err", err)
		if e.Failed != nil {
			e.Failed(err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(gap/2 + rand.N(gap/2)):
		}
	}
}

// ask is one try. Its answer is checked, but not stored.
func (e *Enroller) ask(ctx context.Context, client *http.Client, public ed25519.PublicKey) (protocol.EnrolAnswer, error) {
	var answer protocol.EnrolAnswer
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	body, err := json.Marshal(protocol.EnrolRequest{
		MerchantID: e.Identity.MerchantID,
		StoreID:    e.Identity.StoreID,
		TerminalID: e.Identity.TerminalID,
		PublicKey:  public,
	})
	if err != nil {
		return answer, fmt.Errorf("enrol: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(e.Controller, "/")+protocol.EnrolPath, bytes.NewReader(body))
	if err != nil {
		return answer, fmt.Errorf("enrol: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return answer, fmt.Errorf("enrol: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answer, fmt.Errorf("enrol: read the answer: %w", err)
	case len(text) > maxAnswer:
		return answer, fmt.Errorf("enrol: the answer is longer than %d bytes", maxAnswer)
	case res.StatusCode/100 != 2:
		return answer, refusal(res.StatusCode, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("enrol: the answer is no enrolment: %w", err)
	}
	// Checked here, so that a wrong answer is asked for again.
	if _, err := enrolmentOf(answer).check(e.Identity, []byte(answer.KeySet)); err != nil {
		return answer, fmt.Errorf("enrol: wrong answer: %w", err)
	}
	return answer, nil
}

// maxMessage bounds what of a refusal's message is kept for screen and log.
const maxMessage = 200

func refusal(status int, text []byte) *Refusal {
	var e protocol.EnrolError
	if err := json.Unmarshal(text, &e); err != nil || e.Code == "" {
		return &Refusal{Code: fmt.Sprintf("HTTP %d", status), Message: http.StatusText(status)}
	}
	return &Refusal{Code: e.Code[:min(len(e.Code), maxMessage)], Message: e.Message[:min(len(e.Message), maxMessage)]}
}
