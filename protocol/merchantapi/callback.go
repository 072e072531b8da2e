package merchantapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
)

// ErrCallback says that a request is no callback of the server: answer it 401
// and believe nothing of it.
var ErrCallback = errors.New("not a callback")

// maxAge is how old a signed callback may be, or how far ahead its clock.
const maxAge = 5 * time.Minute

const callbackLimit = 64 << 10

// Verifier checks callbacks (phonepe-api: Callback).
type Verifier struct {
	// SaltKeys are the keys that may have signed, by index: all that are live,
	// so that a key can be changed. A callback is signed by the key that signed
	// the init: with X-PROVIDER-ID the provider's.
	SaltKeys map[int]string `json:"-"`
	// Keys, when set, demands X-Galla-Signature as well. X-VERIFY alone can be
	// replayed for ever; the signature binds event id and time. PhonePe's own
	// callbacks have none.
	Keys *KeySet
}

// String prints no key.
func (v *Verifier) String() string { return fmt.Sprintf("verifier of %d keys", len(v.SaltKeys)) }

// GoString is String.
func (v *Verifier) GoString() string { return v.String() }

// Callback is a notice that a payment has ended.
type Callback struct {
	// EventID is the same over all attempts to tell: keep it, and do nothing
	// for one that you have seen. It is proven only when Verifier.Keys is set,
	// and empty where the server sends none.
	EventID string
	// Attempted is when this attempt began; zero without Verifier.Keys.
	Attempted time.Time
	// Code is the answer's: SUCCESS on v1, PAYMENT_SUCCESS ... on v3.
	Code, Message string
	// One of these is set: Payment for v1 (InitDQR, InitEDC), Transaction for
	// v3 (QRInit, Charge, Refund).
	Payment     *Payment
	Transaction *Transaction
}

// Paid reports whether the money is there. The amount is still yours to
// compare with the bill's.
func (c Callback) Paid() bool {
	return c.Payment != nil && c.Payment.Paid() || c.Transaction != nil && c.Transaction.Paid()
}

// Verify checks the headers and the body of a request, and reads it. It returns
// ErrCallback, or the error of getting the signing keys.
func (v *Verifier) Verify(ctx context.Context, header http.Header, body []byte) (Callback, error) {
	var outer struct {
		Response string `json:"response"`
	}
	if err := json.Unmarshal(body, &outer); err != nil || outer.Response == "" {
		return Callback{}, fmt.Errorf(`%w: the body is not {"response": base64}`, ErrCallback)
	}
	sum, index, err := xverify.Parse(header.Get("X-VERIFY"))
	if err != nil {
		return Callback{}, fmt.Errorf("%w: %v", ErrCallback, err)
	}
	key, known := v.SaltKeys[index]
	// Hash for an unknown index too: both refusals take the same time.
	if good := xverify.Check(sum, outer.Response, "", key); !good || !known || key == "" {
		return Callback{}, fmt.Errorf("%w: X-VERIFY does not fit", ErrCallback)
	}
	c := Callback{EventID: header.Get("X-Galla-Event-Id")}
	if v.Keys != nil {
		if c.Attempted, err = v.verifySignature(ctx, header, body); err != nil {
			return Callback{}, err
		}
	}
	text, err := xverify.DecodeBody(outer.Response)
	if err != nil {
		return Callback{}, fmt.Errorf("%w: %v", ErrCallback, err)
	}
	return c.read(text)
}

func (c Callback) read(text []byte) (Callback, error) {
	var e envelope
	var kind struct {
		Status       *string `json:"status"`
		PaymentState *string `json:"paymentState"`
	}
	if json.Unmarshal(text, &e) != nil || e.Success == nil || json.Unmarshal(e.Data, &kind) != nil {
		return Callback{}, fmt.Errorf("%w: the response is not an answer of the API", ErrCallback)
	}
	c.Code, c.Message = e.Code, e.Message
	var err error
	if kind.PaymentState != nil || kind.Status == nil {
		var t Transaction
		t, err = decode[Transaction](e)
		t.Code, c.Transaction = e.Code, &t
	} else {
		var p Payment
		p, err = decode[Payment](e)
		c.Payment = &p
	}
	if err != nil {
		return Callback{}, fmt.Errorf("%w: %v", ErrCallback, err)
	}
	return c, nil
}

// verifySignature checks the detached JWS over event id, timestamp and body,
// joined by dots.
func (v *Verifier) verifySignature(ctx context.Context, header http.Header, body []byte) (time.Time, error) {
	event, stamp := header.Get("X-Galla-Event-Id"), header.Get("X-Galla-Timestamp")
	ms, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || event == "" || bytes.ContainsRune([]byte(event), '.') {
		return time.Time{}, fmt.Errorf("%w: no event id and timestamp", ErrCallback)
	}
	content := append([]byte(event+"."+stamp+"."), body...)
	if err := v.Keys.verify(ctx, header.Get("X-Galla-Signature"), "galla-callback", content); err != nil {
		return time.Time{}, err
	}
	at := time.UnixMilli(ms)
	if age := time.Since(at).Abs(); age > maxAge {
		return time.Time{}, fmt.Errorf("%w: it is of another time, %s away", ErrCallback, age.Round(time.Second))
	}
	return at, nil
}

// Handler is an http.Handler that verifies and hands on. What take returns
// decides the answer: nil is 200 and the end of it, an error is 500, and the
// server tries again later. take must be done within 5 s, and may see one event
// more than once.
func (v *Verifier) Handler(take func(context.Context, Callback) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost && r.Method != http.MethodPut {
			w.Header().Set("Allow", "POST, PUT")
			http.Error(w, "a callback is a POST or a PUT", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, callbackLimit))
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			http.Error(w, "a callback has at most 64 KiB", http.StatusRequestEntityTooLarge)
			return
		} else if err != nil {
			http.Error(w, "the body could not be read", http.StatusBadRequest)
			return
		}
		c, err := v.Verify(r.Context(), r.Header, body)
		switch {
		case errors.Is(err, ErrCallback):
			http.Error(w, err.Error(), http.StatusUnauthorized)
		case err != nil: // our own keys could not be had: let it come again
			http.Error(w, "signing keys are not at hand", http.StatusServiceUnavailable)
		default:
			if err := take(r.Context(), c); err != nil {
				http.Error(w, "not taken", http.StatusInternalServerError)
				return
			}
			w.WriteHeader(http.StatusOK)
		}
	})
}
