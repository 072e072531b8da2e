// Package deviceapi is the front door for terminals over HTTP: enrolment.
// Everything else a terminal says goes over MQTT (package mqttlink).
//
// A terminal enrols by a code that an operator made for it (package enrol). The
// sandbox has a door without codes beside it: that trusts whoever reaches it, so
// it answers nobody but this machine (phonepe-api: The sandbox).
package deviceapi

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

const maxBody = 4 << 10

// Config is what the door needs.
type Config struct {
	Journal *journal.Journal
	// Provision lets the terminal into a broker outside this process; nil where
	// the broker asks us.
	Provision func(ctx context.Context, id protocol.Identity, token string) error
	// Kick cuts a connection that uses the old credentials; it may be nil.
	Kick func(id protocol.Identity)
	// Brokers, RootKey and the key set of the moment go into the answer.
	Brokers []string
	RootKey ed25519.PublicKey
	KeySet  func() []byte
	// AllowFrom are the addresses that may enrol without a code besides loopback.
	AllowFrom []netip.Prefix
	// Codes takes codes; enrol.Registrar is one. The sandbox's route does without.
	Codes Codes
	Log   *slog.Logger
}

// API is the door. Register and RegisterCodes put its routes on an engine.
type API struct {
	Config
	limit *limiter
}

// New makes the door.
func New(c Config) *API { return &API{Config: c, limit: newLimiter()} }

// Register adds the sandbox's route. Do not call it outside the sandbox.
func (a *API) Register(r gin.IRouter) { r.POST(protocol.EnrolPath, a.enrol) }

// RegisterCodes adds the route for codes, in the sandbox and out of it.
func (a *API) RegisterCodes(r gin.IRouter) { r.POST(protocol.EnrolCodePath, a.enrolByCode) }

func (a *API) enrol(c *gin.Context) {
	if !a.allowed(c.Request) {
		refuse(c, codeForbidden,
			"the sandbox enrols terminals of this machine only; see --sandbox-enrol-from")
		return
	}
	var req protocol.EnrolRequest
	if err := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)).Decode(&req); err != nil {
		refuse(c, codeBadRequest, "the body must be JSON: merchantId, storeId, terminalId, publicKey")
		return
	}
	id := protocol.Identity{MerchantID: req.MerchantID, StoreID: req.StoreID, TerminalID: req.TerminalID}
	if !id.Valid() {
		refuse(c, codeInvalidTerminal, "merchantId, storeId and terminalId must be letters, digits, _ or -")
		return
	}
	if len(req.PublicKey) != ed25519.PublicKeySize {
		refuse(c, codeBadRequest, "publicKey must be 32 bytes of Ed25519 in base64")
		return
	}
	answer, err := a.give(c.Request.Context(), id, req.PublicKey)
	switch {
	case errors.Is(err, decide.ErrNoTerminal):
		refuse(c, codeInvalidTerminal, "there is no active terminal "+id.String())
	case err != nil:
		a.Log.Error("enrolment failed", "terminal", id, "error", err)
		c.Header("Retry-After", "1")
		refuse(c, codeInternal, "the terminal could not be enrolled; try again")
	default:
		a.Log.Info("terminal enrolled", "terminal", id)
		c.JSON(http.StatusOK, answer)
	}
}

// give makes a token, stores its hash with the device's key, and lets the
// terminal into the broker.
func (a *API) give(ctx context.Context, id protocol.Identity, publicKey []byte) (protocol.EnrolAnswer, error) {
	token, hash := newToken()
	if _, err := journal.Do(ctx, a.Journal, decide.Enrol{Identity: id, PublicKey: publicKey, TokenHash: hash}); err != nil {
		return protocol.EnrolAnswer{}, err
	}
	return a.letIn(ctx, id, token)
}

// newToken draws a token of 256 bits, and its hash.
func newToken() (token string, hash []byte) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	token = base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(token))
	return token, sum[:]
}

// letIn tells the broker of a token whose hash is stored, and makes the answer.
func (a *API) letIn(ctx context.Context, id protocol.Identity, token string) (protocol.EnrolAnswer, error) {
	if a.Provision != nil {
		if err := a.Provision(ctx, id, token); err != nil {
			return protocol.EnrolAnswer{}, err
		}
	}
	if a.Kick != nil {
		a.Kick(id)
	}
	return protocol.EnrolAnswer{
		Identity: id, Token: token, Brokers: a.Brokers, RootKey: a.RootKey, KeySet: string(a.KeySet()),
	}, nil
}

// allowed lets in this machine, and addresses that were named. A browser that
// was lured here by a name of somebody else's (DNS rebinding), or from a
// foreign page, is not let in: it sends that name as Host, or an Origin.
func (a *API) allowed(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	address := from.Addr().Unmap().WithZone("") // no prefix holds a zone
	near := address.IsLoopback()
	for _, prefix := range a.AllowFrom {
		near = near || prefix.Contains(address)
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	_, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	named := err == nil || host == "localhost" || len(a.AllowFrom) > 0 && host != "" && !strings.Contains(host, ".")
	return near && named && r.Header.Get("Origin") == ""
}
