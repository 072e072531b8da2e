package terminal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// Controls are the routes, below base, of everything that can be touched:
//
//	POST {base}/power/{on|off}      answers State
//	POST {base}/network/{on|off}    answers State
//	POST {base}/keys/{key}          204; the keys are agent.AllKeys
//	GET  {base}/card                CardAnswer
//	POST {base}/card/tap            a tap; answers card.Entry
//
// A tap is a form or a JSON object with the fields of card.Tap: outcome, and if
// wanted last4, network, type and delayMillis. The card is held to the reader
// for holdMillis, 2000 if nothing is said, until it asks for one: it is answered
// 409 when it does not.
//
// A key that there is not is answered 404 with those that there are, any key of
// a terminal without power 409, and one that its agent does not come to read
// 503. A terminal without keys, or without a card reader, answers 404 there.
func (t *Terminal) Controls(base string) []web.Route {
	return []web.Route{
		{Method: http.MethodPost, Pattern: base + "/power/{to}", Serve: t.servePower},
		{Method: http.MethodPost, Pattern: base + "/network/{to}", Serve: t.serveNetwork},
		{Method: http.MethodPost, Pattern: base + "/keys/{key}", Serve: t.serveKey},
		{Method: http.MethodGet, Pattern: base + "/card", Serve: t.serveCard},
		{Method: http.MethodPost, Pattern: base + "/card/tap", Serve: t.serveTap},
	}
}

func (t *Terminal) servePower(w http.ResponseWriter, r *http.Request) {
	t.serveSwitch(w, r, "power", func(on bool) error {
		if on {
			return t.PowerOn()
		}
		return t.PowerOff()
	})
}

func (t *Terminal) serveNetwork(w http.ResponseWriter, r *http.Request) {
	t.serveSwitch(w, r, "network", t.Network)
}

func (t *Terminal) serveSwitch(w http.ResponseWriter, r *http.Request, name string, flip func(on bool) error) {
	var on bool
	switch to := r.PathValue("to"); to {
	case "on":
		on = true
	case "off":
	default:
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, fmt.Sprintf("%s can be on or off, not %q", name, to))
		return
	}
	err := flip(on)
	switch {
	case errors.Is(err, ErrClosed):
		web.Fail(w, http.StatusConflict, web.CodeConflict, err.Error())
	case err != nil:
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
	default:
		web.JSON(w, http.StatusOK, t.State())
	}
}

func (t *Terminal) serveKey(w http.ResponseWriter, r *http.Request) {
	if t.cfg.NoKeys {
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, ErrNoKeys.Error())
		return
	}
	key, err := agent.ParseKey(r.PathValue("key"))
	if err != nil {
		var keys []string
		for _, k := range agent.AllKeys() {
			keys = append(keys, string(k))
		}
		web.Fail(w, http.StatusNotFound, web.CodeNotFound,
			fmt.Sprintf("there is no key %q: the keys are %s", r.PathValue("key"), strings.Join(keys, ", ")))
		return
	}
	err = t.Press(key)
	switch {
	case errors.Is(err, ErrNoPower):
		web.Fail(w, http.StatusConflict, web.CodeConflict, err.Error())
	case err != nil:
		web.Fail(w, http.StatusServiceUnavailable, web.CodeBusy, err.Error())
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// CardAnswer is the answer of GET /card.
type CardAnswer struct {
	Doing  card.Doing   `json:"doing"`
	Ledger []card.Entry `json:"ledger"` // every card that was read, oldest first
}

func (t *Terminal) serveCard(w http.ResponseWriter, _ *http.Request) {
	if t.reader == nil {
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, noReader)
		return
	}
	web.JSON(w, http.StatusOK, CardAnswer{Doing: t.reader.Doing(), Ledger: t.reader.Ledger()})
}

const noReader = "this terminal has no card reader"

func (t *Terminal) serveTap(w http.ResponseWriter, r *http.Request) {
	if t.reader == nil {
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, noReader)
		return
	}
	tap, hold, err := readTap(w, r)
	if err != nil {
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
		return
	}
	hand, tired := context.WithTimeout(r.Context(), hold)
	defer tired()
	defer context.AfterFunc(t.life, tired)()
	entry, err := t.reader.Tap(hand, tap)
	switch {
	case errors.Is(err, card.ErrNotAsked):
		web.Fail(w, http.StatusConflict, web.CodeConflict, err.Error())
	case errors.Is(err, card.ErrTap):
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
	case err != nil:
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
	default:
		web.JSON(w, http.StatusOK, entry)
	}
}

// Bounds of a tap that is asked for over HTTP.
const (
	tapBodyLimit = 4 << 10
	// holdDefault covers the moment between the wish for a card on the glass and
	// the reader's; holdMost is a patient hand.
	holdDefault = 2 * time.Second
	holdMost    = time.Minute
)
