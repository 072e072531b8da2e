package terminal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// Controls are the routes, below base, of everything that can be touched:
//
//	POST {base}/power/{on|off|cycle}  answers State
//	POST {base}/network/{on|off}      answers State
//	POST {base}/network/flap          ?hz=1&seconds=10; answers 202 with State
//	POST {base}/keys/{key}            ?hold=1 for a long press; 204; the keys are agent.AllKeys
//	GET  {base}/card                  CardAnswer
//	POST {base}/card/tap              a tap; answers card.Entry
//	POST {base}/card/{outcome}        the same, without a body; card.Outcomes
//	GET  {base}/voice.wav             what was said last, as sound
//	GET  {base}/clock                 Clock
//	POST {base}/clock/{offset}        +1h, -10y, 0; answers Clock
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
		{Method: http.MethodPost, Pattern: base + "/network/flap", Serve: t.serveFlap},
		{Method: http.MethodPost, Pattern: base + "/keys/{key}", Serve: t.serveKey},
		{Method: http.MethodGet, Pattern: base + "/card", Serve: t.serveCard},
		{Method: http.MethodPost, Pattern: base + "/card/tap", Serve: t.serveTap},
		{Method: http.MethodPost, Pattern: base + "/card/{outcome}", Serve: t.serveOutcome},
		{Method: http.MethodGet, Pattern: base + "/voice.wav", Serve: t.serveVoice},
		{Method: http.MethodGet, Pattern: base + "/clock", Serve: t.serveClock},
		{Method: http.MethodPost, Pattern: base + "/clock/{offset}", Serve: t.serveSetClock},
	}
}

func (t *Terminal) servePower(w http.ResponseWriter, r *http.Request) {
	flip := map[string]func() error{"on": t.PowerOn, "off": t.PowerOff, "cycle": t.PowerCycle}[r.PathValue("to")]
	if flip == nil {
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, fmt.Sprintf("power can be on or off, or cycle, not %q", r.PathValue("to")))
		return
	}
	t.answer(w, http.StatusOK, flip())
}

func (t *Terminal) serveNetwork(w http.ResponseWriter, r *http.Request) {
	on, known := map[string]bool{"on": true, "off": false}[r.PathValue("to")]
	if !known {
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, fmt.Sprintf("network can be on or off, or flap, not %q", r.PathValue("to")))
		return
	}
	t.answer(w, http.StatusOK, t.Network(on))
}

// answer answers a switch that was worked.
func (t *Terminal) answer(w http.ResponseWriter, status int, err error) {
	switch {
	case errors.Is(err, ErrClosed):
		web.Fail(w, http.StatusConflict, web.CodeConflict, err.Error())
	case err != nil:
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
	default:
		web.JSON(w, status, t.State())
	}
}

func (t *Terminal) serveKey(w http.ResponseWriter, r *http.Request) {
	if t.cfg.NoKeys {
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, ErrNoKeys.Error())
		return
	}
	key, err := agent.ParseKey(r.PathValue("key"))
	if err != nil {
		web.Fail(w, http.StatusNotFound, web.CodeNotFound,
			fmt.Sprintf("there is no key %q: the keys are %s", r.PathValue("key"), list(agent.AllKeys())))
		return
	}
	press := t.Press
	switch hold := r.URL.Query().Get("hold"); hold {
	case "", "0":
	case "1":
		press = t.Hold
	default:
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, fmt.Sprintf("hold is 1 for a long press, or 0, not %q", hold))
		return
	}
	err = press(key)
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
	t.tap(w, r, "")
}

// serveOutcome is serveTap with the outcome in the path; what else a card is may
// be in a body.
func (t *Terminal) serveOutcome(w http.ResponseWriter, r *http.Request) {
	if t.reader == nil {
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, noReader)
		return
	}
	outcome := card.Outcome(r.PathValue("outcome"))
	if !slices.Contains(card.Outcomes(), outcome) {
		// Not repeated: it could be a card number (failure matrix T23).
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, fmt.Sprintf("a card has one of the outcomes %s", list(card.Outcomes())))
		return
	}
	t.tap(w, r, outcome)
}

func (t *Terminal) tap(w http.ResponseWriter, r *http.Request, outcome card.Outcome) {
	tap, hold, err := readTap(w, r, outcome)
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

// list writes words for people.
func list[T ~string](words []T) string {
	var texts []string
	for _, word := range words {
		texts = append(texts, string(word))
	}
	return strings.Join(texts, ", ")
}

// Bounds of a tap that is asked for over HTTP.
const (
	tapBodyLimit = 4 << 10
	// holdDefault covers the moment between the wish for a card on the glass and
	// the reader's; holdMost is a patient hand.
	holdDefault = 2 * time.Second
	holdMost    = time.Minute
)
