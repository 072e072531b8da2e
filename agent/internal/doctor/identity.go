package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/protocol"
)

// Enrolled is what is known of the terminal's enrolment.
type Enrolled struct {
	Want protocol.Identity // who the configuration says it is
	// ByItself: the agent enrols at this sandbox controller when it starts; "" it
	// does not.
	ByItself string
	// Load loads the credentials; identity.ErrNotEnrolled where there are none.
	Load func() (*identity.Credentials, error)
}

// Identity loads the credentials, and says as whom the terminal is enrolled. It
// hands them to found, if there are any.
func Identity(e Enrolled, found func(*identity.Credentials)) func(context.Context) Finding {
	return func(context.Context) Finding {
		c, err := e.Load()
		switch {
		case errors.Is(err, identity.ErrNotEnrolled):
			return e.none()
		case err != nil:
			return bad("repair what it names, or enrol again: galla-agent enroll", "%s", oneLine(err))
		}
		found(c)
		return good("enrolled as %s, device key %s, readable by its owner alone", slashed(c.Identity), c.KeyID())
	}
}

func (e Enrolled) none() Finding {
	if e.ByItself != "" {
		return Finding{State: Absent, Detail: slashed(e.Want) + " is not enrolled yet: the agent does it at " + e.ByItself + " when it starts"}
	}
	return bad("ask the operator for a code, then: galla-agent enroll --config FILE --code CODE --controller https://HOST",
		"%s is not enrolled", slashed(e.Want))
}

// slashed is an identity as operators write it.
func slashed(id protocol.Identity) string { return strings.ReplaceAll(id.String(), ".", "/") }
