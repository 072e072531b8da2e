package callback

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
)

// Method is the HTTP method of a notice: what the POS asked for, else POST
// (phonepe-api: Callback, X-CALL-MODE).
func Method(asked string) string {
	if asked == "" {
		return http.MethodPost
	}
	return asked
}

// Compose makes the header and the body of a notice as they are sent: the
// payment as it is now, signed for an attempt that begins at at. It is for
// whoever hands a merchant the same notice by another way than its URL. An
// error says that the payment could not be read or that a key is missing.
func (s *Sender) Compose(ctx context.Context, eventID, paymentID string, at time.Time) (http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, renderTimeout)
	defer cancel()
	notice, err := s.cfg.Render(ctx, paymentID)
	if err != nil {
		return nil, nil, fmt.Errorf("render: %w", err)
	}
	response := xverify.EncodeBody(notice.Body)
	body := []byte(`{"response":"` + response + `"}`)
	ms := timestamp(at)
	signature, err := s.cfg.Sign(SignedContent(eventID, ms, body))
	if err != nil {
		return nil, nil, err
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "galla-callback/1")
	// The name as it is documented: Set would write it X-Verify.
	h[HeaderVerify] = []string{xverify.Header(response, "", notice.SaltKey, notice.SaltIndex)}
	h.Set(HeaderEventID, eventID)
	h.Set(HeaderTimestamp, ms)
	h.Set(HeaderSignature, signature)
	return h, body, nil
}
