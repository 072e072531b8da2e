package enrol

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Limits of a code (failure matrix T3).
const (
	// Lifetime is how long a code can be used.
	Lifetime = 10 * time.Minute
	// MaxWrong is how many wrong secrets void a code.
	MaxWrong = 5
	// Settle is how long after a revocation nobody can enrol as the terminal:
	// every running controller has shut the old device out by then (see
	// Watcher), and none does so to the new one.
	Settle = 5 * time.Second
)

// Code is a code as it is kept; table enrol_codes. A terminal has one at most.
type Code struct {
	protocol.Identity
	// Handle is its first group; no two terminals' codes have the same.
	Handle string
	// MAC is of the whole code, by Seal.
	MAC []byte
	// Actor made it.
	Actor     string
	CreatedAt time.Time
	ExpiresAt time.Time
	// Wrong counts the wrong secrets that were tried.
	Wrong int64
	// SpentBy is the public key that was enrolled with it at SpentAt; empty and
	// zero until then.
	SpentBy []byte
	SpentAt time.Time
}

// Seal is what is stored of a code in place of the code itself.
func Seal(key []byte, code protocol.EnrolCode) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("galla enrolment code 1\x00"))
	h.Write([]byte(code.Text()))
	return h.Sum(nil)
}

// Why a try is refused.
var (
	// ErrRefused: the code is unknown, wrong, used, too old, or void. Nobody is
	// told which.
	ErrRefused = errors.New("the enrolment code is wrong, used or too old")
	// ErrInactive: the code is right and its terminal is switched off. The code
	// is not spent.
	ErrInactive = errors.New("the terminal is not active")
	// ErrSettling: the terminal was shut out just now; see Settle. The code is
	// not spent.
	ErrSettling = errors.New("the terminal was shut out a moment ago")
)

// Try is what a device brings.
type Try struct {
	MAC       []byte // of its code, by Seal
	PublicKey []byte // it has proved to hold the private half
	TokenHash []byte // of the token that it is to be given
}

// Found is what a storage found under a handle, locked.
type Found struct {
	// Now is the database's time, taken after the locks.
	Now  time.Time
	Code Code
	// Active says that the terminal is there and switched on.
	Active bool
	// RevokedAt is when its credentials were taken away last; zero: never.
	RevokedAt time.Time
}

// Outcome is what a storage is to save of a try, in one transaction: the code
// as it is then and, with Enrol, the terminal's new credentials. Without both
// there is nothing to save.
type Outcome struct {
	Code      Code
	Save      bool
	Enrol     bool
	PublicKey []byte
	TokenHash []byte
}

// Judge says what becomes of a try.
//
// The same key may come again with a code that it has spent, while the code
// lasts, and is given a new token: its first answer was lost. Another key never
// is. Wrong secrets count while the code could be used, and are not told apart
// from anything else.
func (f Found) Judge(t Try) (Outcome, error) {
	none := Outcome{Code: f.Code}
	right := hmac.Equal(f.Code.MAC, t.MAC)
	usable := f.Now.Before(f.Code.ExpiresAt) && f.Code.Wrong < MaxWrong
	switch {
	case !usable:
		return none, ErrRefused
	case !right:
		f.Code.Wrong++
		return Outcome{Code: f.Code, Save: true}, ErrRefused
	case len(f.Code.SpentBy) > 0 && subtle.ConstantTimeCompare(f.Code.SpentBy, t.PublicKey) != 1:
		return none, ErrRefused
	case !f.Active:
		return none, ErrInactive
	case !f.RevokedAt.IsZero() && f.Now.Before(f.RevokedAt.Add(Settle)):
		return none, ErrSettling
	}
	if len(f.Code.SpentBy) == 0 {
		f.Code.SpentBy, f.Code.SpentAt = t.PublicKey, f.Now
	}
	return Outcome{Code: f.Code, Save: true, Enrol: true, PublicKey: t.PublicKey, TokenHash: t.TokenHash}, nil
}
