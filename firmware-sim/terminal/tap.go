package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/galla-pay/galla/firmware-sim/card"
)

// errTapForm is the answer to a body that is no tap. What was sent is never
// repeated: it could be a card number (failure matrix T23).
var errTapForm = errors.New(`a tap is a form or a JSON object with outcome and, if wanted, last4, network, type, delayMillis, holdMillis; each once`)

// readTap reads a tap from a request, as a form or as JSON, and for how long the
// card is held to the reader. With an outcome the body has none, and may be empty.
//
// In JSON the two durations are numbers, the rest texts. Numbers are whole
// milliseconds: delayMillis to card.MaxDelay, holdMillis to a minute.
func readTap(w http.ResponseWriter, r *http.Request, outcome card.Outcome) (card.Tap, time.Duration, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, tapBodyLimit))
	if err != nil {
		return card.Tap{}, 0, errTapForm
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var fields map[string]string
	switch {
	case outcome != "" && len(body) == 0:
	case kind == "application/json":
		fields, err = jsonFields(body)
	case kind == "application/x-www-form-urlencoded":
		fields, err = formFields(body)
	default:
		err = errTapForm
	}
	if err != nil {
		return card.Tap{}, 0, err
	}
	tap, hold := card.Tap{Outcome: outcome}, holdDefault
	for name, value := range fields {
		switch name {
		case "outcome":
			if outcome != "" {
				return card.Tap{}, 0, errTapForm
			}
			tap.Outcome = card.Outcome(value)
		case "last4":
			tap.Last4 = value
		case "network":
			tap.Network = value
		case "type":
			tap.Type = value
		case "delayMillis":
			tap.Delay, err = millis(name, value, card.MaxDelay)
		case "holdMillis":
			hold, err = millis(name, value, holdMost)
		default:
			err = errTapForm
		}
		if err != nil {
			return card.Tap{}, 0, err
		}
	}
	return tap, hold, nil
}

func millis(name, value string, most time.Duration) (time.Duration, error) {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil || time.Duration(n)*time.Millisecond > most {
		return 0, fmt.Errorf("%s is a whole number from 0 to %d", name, most.Milliseconds())
	}
	return time.Duration(n) * time.Millisecond, nil
}

func formFields(body []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errTapForm
	}
	fields := map[string]string{}
	for name, all := range values {
		if len(all) != 1 {
			return nil, errTapForm
		}
		fields[name] = all[0]
	}
	return fields, nil
}

// jsonFields reads one flat object, strictly: no name twice, names as they are
// written, nothing behind it.
func jsonFields(body []byte) (map[string]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errTapForm
	}
	fields := map[string]string{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, errTapForm
		}
		value, err := decoder.Token()
		if err != nil {
			return nil, errTapForm
		}
		key := name.(string)
		if _, twice := fields[key]; twice {
			return nil, errTapForm
		}
		number := key == "delayMillis" || key == "holdMillis"
		switch value := value.(type) {
		case string:
			if number {
				return nil, errTapForm
			}
			fields[key] = value
		case json.Number:
			if !number {
				return nil, errTapForm
			}
			fields[key] = value.String()
		default:
			return nil, errTapForm
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errTapForm
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errTapForm
	}
	return fields, nil
}
