package brokerauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// Admission decides who may come in at a broker outside this process: terminals
// by their tokens, and a Kicker. Door asks it in EMQX's words, package natsauth
// in those of NATS.
type Admission struct {
	Reader interface {
		// Terminal returns a terminal's row, or journal.ErrNotFound.
		Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error)
	}
	// Secret is what a Kicker's password is made of.
	Secret string
}

// Login is what a client showed.
type Login struct{ ClientID, Username, Password string }

// Guest is who came in. A terminal may use the topics of Topics; a kick may do
// nothing: being there is all that it is for.
type Guest struct {
	ID   protocol.Identity
	Kick bool
}

// ErrDenied: whoever it is may not come in. The error that wraps it says why, for
// a log and not for the client.
var ErrDenied = errors.New("denied")

func denied(why string) error { return fmt.Errorf("%w: %s", ErrDenied, why) }

// Admit lets a client in or returns an error: ErrDenied, or what kept us from
// finding out; then the guest is who was meant, where that is a terminal's identity.
// Client id and user name are the identity, and the password is the
// token that the terminal was given last; or it is a Kicker's.
func (a Admission) Admit(ctx context.Context, l Login) (Guest, error) {
	id, err := protocol.ParseIdentity(l.Username)
	switch {
	case err != nil:
		return Guest{}, denied("the user name is no terminal's")
	case l.ClientID != l.Username:
		return Guest{}, denied("client id and user name differ")
	case isKick(l.Password):
		if !goodKick(a.Secret, id, l.Password, time.Now()) {
			return Guest{}, denied("not a kick of ours")
		}
		return Guest{ID: id, Kick: true}, nil
	}
	t, err := a.terminal(ctx, id)
	if err != nil {
		return Guest{ID: id}, err
	}
	if sum := sha256.Sum256([]byte(l.Password)); subtle.ConstantTimeCompare(t.TokenHash, sum[:]) != 1 {
		return Guest{ID: id}, denied("the token is not the last that was given")
	}
	return Guest{ID: id}, nil
}

// terminal is the row of a terminal that may be connected.
func (a Admission) terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error) {
	t, err := a.Reader.Terminal(ctx, id)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return t, denied("there is no such terminal")
	case err != nil:
		return t, err
	case !t.Active || !t.Enrolled():
		return t, denied("the terminal is not active, or not enrolled")
	}
	return t, nil
}

// Topics is all that a terminal may use: exactly its own topics, each in its
// direction (DESIGN section 4). Presence is its last will's topic alone; what it
// itself publishes there is signed like its will, so it can only call itself gone.
func Topics(id protocol.Identity) (publish, subscribe []string) {
	return []string{protocol.ReportTopic(id), protocol.PresenceTopic(id)}, []string{protocol.CommandTopic(id)}
}
