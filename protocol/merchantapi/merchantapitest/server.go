// Package merchantapitest is the server's side of the merchant API for tests of
// clients: it holds every request against the contract (phonepe-api), more
// strictly than a real server does, and answers as the contract says. It takes
// no money and keeps everything in memory.
//
// Tests of both clients, Go's and TypeScript's, and of the examples run against
// it; a POS developer may do the same. What a test wants to happen to a payment
// it says beforehand, in Go by [Server.Settle] and [Server.Fail], in other
// languages by POST /conformance/{transactionId}/settle and .../fault.
package merchantapitest

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
)

// Who may ask (phonepe-api: The sandbox). The provider is mapped to the
// merchant and not to OtherMerchantID.
const (
	MerchantID      = "MERCHANTUAT"
	SaltKey         = "sandbox-merchant-key"
	ProviderID      = "MERCHANTPROVIDER"
	ProviderSaltKey = "sandbox-provider-key"
	OtherMerchantID = "MERCHANTTWO"
	OtherSaltKey    = "other-merchant-key"
	SaltIndex       = 1
	StoreID         = "teststore1"
	TerminalID      = "testterminal1"
	// Prefix is the deployment prefix that is served as well.
	Prefix = "/enterprise-sandbox"
)

// Request is what a client sent, for a test to look at.
type Request struct {
	Method   string         `json:"method"`
	Path     string         `json:"path"` // without prefix
	Payload  map[string]any `json:"payload,omitempty"`
	Provider string         `json:"provider,omitempty"`
	Callback string         `json:"callback,omitempty"`
	Prefixed bool           `json:"prefixed"`
}

// Server is an http.Handler. The zero value is not ready: use New.
type Server struct {
	mux     *http.ServeMux
	private ed25519.PrivateKey
	calls   *http.Client

	mu       sync.Mutex
	payments map[string]*payment // by merchantId/transactionId
	faults   map[string][]string // by transaction id, first is next
	requests map[string][]Request
	events   int
	sending  sync.WaitGroup
}

// New makes an empty server. calls sends its callbacks; nil is
// http.DefaultClient.
func New(calls *http.Client) *Server {
	if calls == nil {
		calls = http.DefaultClient
	}
	s := &Server{
		mux: http.NewServeMux(), calls: calls, private: ed25519.NewKeyFromSeed([]byte("the key of merchantapitest, 32 b")),
		payments: map[string]*payment{}, faults: map[string][]string{}, requests: map[string][]Request{},
	}
	s.routes()
	return s
}

// Wait returns when every callback has been sent.
func (s *Server) Wait() { s.sending.Wait() }

// ServeHTTP serves the routes with and without Prefix; the signed path is the
// route alone.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	prefixed := false
	if rest, ok := strings.CutPrefix(r.URL.Path, Prefix); ok && strings.HasPrefix(rest, "/") {
		prefixed = true
		r = r.Clone(r.Context())
		r.URL.Path = rest
	}
	w.Header().Set("X-Request-Id", "conformance-"+strconv.Itoa(int(time.Now().UnixNano()%1e9)))
	if prefixed {
		r.Header.Set("X-Conformance-Prefixed", "yes")
	}
	s.mux.ServeHTTP(w, r)
}

// answer is the form of every answer; data nil is null.
type answer struct {
	Success bool   `json:"success"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
	status  int
	noData  bool // the documented answer has no data member
	noCode  bool // recon: code and message are null on success
}

func (a answer) write(w http.ResponseWriter) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.text())
}

func (a answer) text() []byte {
	members := map[string]any{"success": a.Success, "code": a.Code, "message": a.Message, "data": a.Data}
	if a.noData {
		delete(members, "data")
	}
	if a.noCode {
		members["code"], members["message"] = nil, nil
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err) // only plain values are answered
	}
	return text
}

func ok(data any) answer {
	return answer{Success: true, Code: "SUCCESS", Message: "Your request has been successfully completed.", Data: data}
}

func refuse(status int, code, message string) answer {
	return answer{Code: code, Message: message, status: status}
}

func bad(message string) answer { return refuse(http.StatusBadRequest, "BAD_REQUEST", message) }

// asked is a request whose signature is good.
type asked struct {
	merchant, id string
	signer       string // whose key
	payload      []byte // JSON; nil without a body
	callback     string
	mode         string
}

// signed checks the body's shape and the signature, as a server does first.
// unauthorized is the code of the route's generation.
func (s *Server) signed(r *http.Request, unauthorized string) (asked, *answer) {
	no := func(a answer) (asked, *answer) { return asked{}, &a }
	a := asked{
		merchant: r.PathValue("merchant"), id: r.PathValue("id"),
		callback: r.Header.Get("X-CALLBACK-URL"), mode: r.Header.Get("X-CALL-MODE"),
	}
	text := ""
	if r.Method == http.MethodPost && a.merchant == "" {
		var outer struct {
			Request string `json:"request"`
		}
		dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<10))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&outer); err != nil {
			return no(bad("The request body: " + err.Error()))
		}
		text = outer.Request
		var err error
		if a.payload, err = xverify.DecodeBody(text); err != nil || text == "" {
			return no(bad("request is not base64"))
		}
		var ids struct {
			Merchant string `json:"merchantId"`
			V1       string `json:"merchantTransactionId"`
			V3       string `json:"transactionId"`
		}
		if err := json.Unmarshal(a.payload, &ids); err != nil {
			return no(bad("request holds no JSON object"))
		}
		if a.merchant, a.id = ids.Merchant, ids.V3; ids.V1 != "" {
			a.id = ids.V1
		}
	} else if r.ContentLength > 0 {
		return no(bad("this route has no body"))
	}
	sum, index, err := xverify.Parse(r.Header.Get("X-VERIFY"))
	key, owner := "", a.merchant
	switch provider := r.Header.Get("X-PROVIDER-ID"); {
	case provider == ProviderID && a.merchant == MerchantID:
		key, owner = ProviderSaltKey, ProviderID
	case provider != "":
	case a.merchant == MerchantID:
		key = SaltKey
	case a.merchant == OtherMerchantID:
		key = OtherSaltKey
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	if err != nil || key == "" || index != SaltIndex || !xverify.Check(sum, text, path, key) {
		return no(refuse(http.StatusUnauthorized, unauthorized, "checksum verification failed"))
	}
	a.signer = owner
	s.note(r, a)
	return a, nil
}

func (s *Server) note(r *http.Request, a asked) {
	q := Request{
		Method: r.Method, Path: r.URL.Path, Provider: r.Header.Get("X-PROVIDER-ID"), Callback: a.callback,
		Prefixed: r.Header.Get("X-Conformance-Prefixed") != "",
	}
	if a.payload != nil {
		_ = json.Unmarshal(a.payload, &q.Payload) // it was an object before
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[a.id] = append(s.requests[a.id], q)
}

// Requests are the good requests about a transaction id, in order.
func (s *Server) Requests(id string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request{}, s.requests[id]...)
}
