package card

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// Bounds of a card that is held to the reader over HTTP: those of a terminal's
// routes.
const (
	tapBodyLimit = 4 << 10
	holdDefault  = 2 * time.Second
	holdMost     = time.Minute
)

// errTapForm is the answer to a body that is no tap. What was sent is never
// repeated: it could be a card number (failure matrix T23).
var errTapForm = errors.New(`a tap is a form or a JSON object with outcome and, if wanted, last4, network, type, delayMillis, holdMillis; each once`)

// Answer is the answer of GET /card.
type Answer struct {
	Doing  Doing   `json:"doing"`
	Ledger []Entry `json:"ledger"` // every card that was read, oldest first
}

// Handler serves a reader that stands alone, with the routes that it has beside a
// simulated terminal:
//
//	GET  /card              Answer
//	POST /card/tap          a tap, a form or a JSON object; answers Entry
//	POST /card/{outcome}    the same with the outcome in the path; POST /{outcome} too
//
// A tap has outcome, and if wanted last4, network, type, delayMillis (to
// MaxDelay) and holdMillis (2000; a minute at most): for so long the card is held
// to the reader until it asks for one, and answered 409 when it does not. An
// outcome that there is not is 404, anything else that is wrong 400.
func (r *Reader) Handler() http.Handler {
	outcome := func(w http.ResponseWriter, q *http.Request) {
		if name := Outcome(q.PathValue("outcome")); has(Outcomes(), name) {
			r.serveTap(w, q, name)
			return
		}
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, "a card has one of the outcomes "+list(Outcomes()))
	}
	return web.Guard(web.Routes([]web.Route{
		{Method: http.MethodGet, Pattern: "/card", Serve: func(w http.ResponseWriter, _ *http.Request) {
			web.JSON(w, http.StatusOK, Answer{Doing: r.Doing(), Ledger: r.Ledger()})
		}},
		{Method: http.MethodPost, Pattern: "/card/tap", Serve: func(w http.ResponseWriter, q *http.Request) { r.serveTap(w, q, "") }},
		{Method: http.MethodPost, Pattern: "/card/{outcome}", Serve: outcome},
		{Method: http.MethodPost, Pattern: "/{outcome}", Serve: outcome},
	}))
}

func (r *Reader) serveTap(w http.ResponseWriter, q *http.Request, outcome Outcome) {
	tap, hold, err := readTap(w, q, outcome)
	if err != nil {
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
		return
	}
	hand, tired := context.WithTimeout(q.Context(), hold)
	defer tired()
	entry, err := r.Tap(hand, tap)
	switch {
	case errors.Is(err, ErrNotAsked):
		web.Fail(w, http.StatusConflict, web.CodeConflict, err.Error())
	case errors.Is(err, ErrTap):
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
	case err != nil:
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
	default:
		web.JSON(w, http.StatusOK, entry)
	}
}

// tapForm is a tap as it is sent.
type tapForm struct {
	Outcome     Outcome `json:"outcome"`
	Last4       string  `json:"last4"`
	Network     string  `json:"network"`
	Type        string  `json:"type"`
	DelayMillis int64   `json:"delayMillis"`
	HoldMillis  *int64  `json:"holdMillis"`
}

// readTap reads a tap, and for how long the card is held. With an outcome the
// body has none, and may be empty.
func readTap(w http.ResponseWriter, q *http.Request, outcome Outcome) (Tap, time.Duration, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, tapBodyLimit))
	if err != nil {
		return Tap{}, 0, errTapForm
	}
	var form tapForm
	kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	switch {
	case outcome != "" && len(body) == 0:
	case kind == "application/json":
		err = strictly(body, &form)
	case kind == "application/x-www-form-urlencoded":
		err = form.read(body)
	default:
		err = errTapForm
	}
	if err != nil || outcome != "" && form.Outcome != "" {
		return Tap{}, 0, errTapForm
	}
	hold := holdDefault
	if form.HoldMillis != nil {
		if *form.HoldMillis < 0 || *form.HoldMillis > holdMost.Milliseconds() {
			return Tap{}, 0, errors.New("holdMillis is a whole number from 0 to " + strconv.FormatInt(holdMost.Milliseconds(), 10))
		}
		hold = time.Duration(*form.HoldMillis) * time.Millisecond
	}
	if form.DelayMillis < 0 || form.DelayMillis > MaxDelay.Milliseconds() {
		return Tap{}, 0, errors.New("delayMillis is a whole number from 0 to " + strconv.FormatInt(MaxDelay.Milliseconds(), 10))
	}
	if outcome == "" {
		outcome = form.Outcome
	}
	return Tap{
		Outcome: outcome, Last4: form.Last4, Network: form.Network, Type: form.Type,
		Delay: time.Duration(form.DelayMillis) * time.Millisecond,
	}, hold, nil
}

// read reads a form: every field at most once.
func (f *tapForm) read(body []byte) error {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return errTapForm
	}
	fields := map[string]any{}
	for name, all := range values {
		if len(all) != 1 {
			return errTapForm
		}
		fields[name] = all[0]
		if name == "delayMillis" || name == "holdMillis" {
			fields[name] = json.Number(all[0])
		}
	}
	object, err := json.Marshal(fields)
	if err != nil {
		return errTapForm
	}
	return strictly(object, f)
}
