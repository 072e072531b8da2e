package merchantapitest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
	"github.com/go-jose/go-jose/v4"
)

// The faults that Fail plays. Values are in tests of other languages.
const (
	LostBefore  = "lost-before" // the connection breaks, nothing was done
	LostAfter   = "lost-after"  // it was done, the answer is lost
	Internal    = "500"         // INTERNAL_SERVER_ERROR, done
	Busy        = "503"         // the same with Retry-After: 1, not done
	TooMany     = "429"         // refused unread, Retry-After: 1
	Page        = "page"        // a gateway's HTML
	Redirect    = "redirect"    // 307 to the same route
	OtherAnswer = "other"       // the answer to another question
)

// Anything is every transaction id, for Fail.
const Anything = "*"

// Fail makes the next requests about a transaction id end in the faults given,
// one each; "" is none.
func (s *Server) Fail(id string, faults ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[id] = append(s.faults[id], faults...)
}

func (s *Server) playFault(w http.ResponseWriter, r *http.Request, a asked, h func(asked) answer) bool {
	s.mu.Lock()
	fault := ""
	for _, id := range []string{a.id, Anything} {
		if queue := s.faults[id]; len(queue) > 0 && fault == "" {
			fault, s.faults[id] = queue[0], queue[1:]
		}
	}
	s.mu.Unlock()
	check := "Something went wrong. Please check the status of the transaction before trying again."
	switch fault {
	case "":
		return false
	case LostBefore:
		panic(http.ErrAbortHandler)
	case LostAfter:
		h(a)
		panic(http.ErrAbortHandler)
	case Internal:
		h(a)
		refuse(http.StatusInternalServerError, "INTERNAL_SERVER_ERROR", check).write(w)
	case Busy:
		w.Header().Set("Retry-After", "1")
		refuse(http.StatusServiceUnavailable, "INTERNAL_SERVER_ERROR", check).write(w)
	case TooMany:
		w.Header().Set("Retry-After", "1")
		refuse(http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "Too many requests").write(w)
	case Page:
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html>Bad gateway</html>"))
	case Redirect:
		w.Header().Set("Location", r.URL.Path) // whoever follows asks twice
		w.WriteHeader(http.StatusTemporaryRedirect)
	case OtherAnswer:
		answer := h(a)
		if data, ok := answer.Data.(map[string]any); ok {
			data["transactionId"], data["merchantTransactionId"] = "ANOTHER", "ANOTHER"
		}
		answer.write(w)
	default:
		panic("there is no fault " + fault)
	}
	return true
}

// Settle ends a payment: outcome is SUCCESS, FAILED or PAYING (a customer has
// begun), reason is why it failed. An end is told to the request's
// X-CALLBACK-URL, once, before Wait returns.
func (s *Server) Settle(merchant, id, outcome, reason string) error {
	s.mu.Lock()
	p := s.payments[merchant+"/"+id]
	if p == nil || p.status() != "PENDING" {
		s.mu.Unlock()
		return fmt.Errorf("%s has no pending payment %s", merchant, id)
	}
	if outcome == "PAYING" {
		p.paying = true
		s.mu.Unlock()
		return nil
	}
	p.ended, p.reason = outcome, reason
	ended := *p
	s.events++
	event := "event-" + strconv.Itoa(s.events)
	s.mu.Unlock()
	if ended.callback != "" {
		s.sending.Go(func() { s.tell(ended, event) })
	}
	return nil
}

// tell sends the callback of a payment.
func (s *Server) tell(p payment, event string) {
	answer := ok(p.statusData())
	if p.v3() {
		answer = p.transactionAnswer()
	}
	key := map[string]string{MerchantID: SaltKey, ProviderID: ProviderSaltKey, OtherMerchantID: OtherSaltKey}[p.signer]
	header, body, err := s.Callback(answer.text(), key, event, time.Now())
	if err != nil {
		panic(err)
	}
	method := p.asked.mode
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, p.callback, bytes.NewReader(body))
	if err != nil {
		return // a URL that leads nowhere is the client's
	}
	r.Header = header
	if response, err := s.calls.Do(r); err == nil {
		_ = response.Body.Close()
	}
}

// Callback makes the headers and the body of a callback around an answer.
func (s *Server) Callback(answer []byte, saltKey, event string, at time.Time) (http.Header, []byte, error) {
	response := xverify.EncodeBody(answer)
	body := []byte(`{"response":"` + response + `"}`)
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	signature, err := s.Sign("galla-callback", append([]byte(event+"."+stamp+"."), body...))
	if err != nil {
		return nil, nil, err
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("X-VERIFY", xverify.Header(response, "", saltKey, SaltIndex))
	header.Set("X-Galla-Event-Id", event)
	header.Set("X-Galla-Timestamp", stamp)
	header.Set("X-Galla-Signature", signature)
	return header, body, nil
}

// Sign is the server's detached JWS over content.
func (s *Server) Sign(typ string, content []byte) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: s.private, KeyID: "conformance-1"}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(content)
	if err != nil {
		return "", err
	}
	return jws.DetachedCompactSerialize()
}

func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	x := base64.RawURLEncoding.EncodeToString(s.private.Public().(ed25519.PublicKey))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{
		map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "conformance-1", "x": x, "alg": "EdDSA", "use": "sig"},
	}})
}

func (s *Server) settleRoute(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	merchant := q.Get("merchant")
	if merchant == "" {
		merchant = MerchantID
	}
	if err := s.Settle(merchant, r.PathValue("id"), q.Get("outcome"), q.Get("reason")); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	s.Wait()
}

func (s *Server) faultRoute(_ http.ResponseWriter, r *http.Request) {
	s.Fail(r.PathValue("id"), strings.Split(r.URL.Query().Get("faults"), ",")...)
}

func (s *Server) requestsRoute(w http.ResponseWriter, r *http.Request) {
	_ = json.NewEncoder(w).Encode(s.Requests(r.PathValue("id")))
}
