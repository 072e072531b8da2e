package brokerauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/protocol"
)

// The routes.
const (
	AuthPath = "/broker/v1/auth"
	ACLPath  = "/broker/v1/acl"
)

const (
	// MinSecret is the shortest secret that is taken, in bytes.
	MinSecret = 16
	// maxBody bounds a question, in bytes.
	maxBody = 64 << 10
	// patience bounds one question of the database.
	patience = 3 * time.Second
	// complainEvery is how often a caller without the secret is logged.
	complainEvery = time.Minute
)

// Config is what the door needs.
type Config struct {
	Reader interface {
		// Terminal returns a terminal's row, or journal.ErrNotFound.
		Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error)
	}
	// Secret is what the broker sends as a bearer token.
	Secret string
	Log    *slog.Logger
}

// Door is the door. Register puts its routes on an engine.
type Door struct {
	Config
	admission Admission

	mu         sync.Mutex
	complained time.Time
}

// New makes the door, or says that the secret is too short.
func New(c Config) (*Door, error) {
	if len(c.Secret) < MinSecret {
		return nil, errors.New("the broker's secret must have 16 characters at least")
	}
	return &Door{Config: c, admission: Admission{Reader: c.Reader, Secret: c.Secret}}, nil
}

// Register adds the routes.
func (d *Door) Register(r gin.IRouter) {
	r.POST(AuthPath, func(c *gin.Context) { d.answer(c, d.mayLogIn) })
	r.POST(ACLPath, func(c *gin.Context) { d.answer(c, d.mayDo) })
}

// answer is what every question gets.
type answer struct {
	Result      string `json:"result"`
	IsSuperuser bool   `json:"is_superuser"`
}

func (d *Door) answer(c *gin.Context, may func(context.Context, question) bool) {
	result := answer{Result: "deny"}
	if d.known(c.Request) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), patience)
		defer cancel()
		body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
		if err == nil {
			if q, ok := readQuestion(body); ok && may(ctx, q) {
				result.Result = "allow"
			}
		}
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, result)
}

// known reports whether the caller has the secret.
func (d *Door) known(r *http.Request) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	have, want := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(d.Secret))
	if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(have[:], want[:]) == 1 {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); d.complained.IsZero() || now.Sub(d.complained) >= complainEvery {
		d.complained = now
		d.Log.Warn("a broker's question without the right bearer secret is denied; more of them are not logged for a minute",
			"from", r.RemoteAddr)
	}
	return false
}

// mayLogIn reports whether a client may come in.
func (d *Door) mayLogIn(ctx context.Context, q question) bool {
	guest, err := d.admission.Admit(ctx, Login{ClientID: q.clientID, Username: q.username, Password: q.password})
	return d.settled(guest.ID, err)
}

// mayDo: what the rules allow to a terminal that is still enrolled.
func (d *Door) mayDo(ctx context.Context, q question) bool {
	id, err := protocol.ParseIdentity(q.username)
	if err != nil || q.clientID != q.username || !q.wants.allowed(id) {
		return false
	}
	_, err = d.admission.terminal(ctx, id)
	return d.settled(id, err)
}

// settled reports whether there was no error, and logs one that is no answer.
func (d *Door) settled(id protocol.Identity, err error) bool {
	if err != nil && !errors.Is(err, ErrDenied) {
		d.Log.Warn("a broker's question could not be answered and is denied", "terminal", id, "error", err)
	}
	return err == nil
}
