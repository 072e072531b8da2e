package web

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"

	"github.com/galla-pay/galla/agent/signals"
)

//go:embed assets/device.html
var deviceHTML string

//go:embed assets/base.css
var baseCSS []byte

//go:embed assets/device.js
var deviceJS []byte

// Device is one terminal on a page, for {{template "device" .}}.
type Device struct {
	Base          string // path before /power/on; "" or "/terminals/1"
	Name          string
	Where         string // one line under the name
	Width, Height int    // of the panel, in pixels
	Companion     *Glass // the second, small panel; nil: none
	Keys          bool   // it has keys
	Card          []Tap  // what can be done with a card; none: it has no reader
	// Alone: the page has this terminal alone, and room for all that can be done
	// to it.
	Alone bool
}

// Glass is a panel's size in pixels.
type Glass struct{ Width, Height int }

// Tap is a button of the card reader. Outcome goes into the path of the POST,
// Label is on the button, Meaning is its name for who cannot see what stands
// around it.
type Tap struct{ Outcome, Label, Meaning string }

// Assets are the routes of what both pages load: /base.css, /device.js and
// /tones.json, the notes of each tone by its name.
func Assets() []Route {
	return []Route{
		{http.MethodGet, "/base.css", Asset("text/css; charset=utf-8", append(bytes.Clone(baseCSS), lampCSS()...))},
		{http.MethodGet, "/tones.json", func(w http.ResponseWriter, _ *http.Request) {
			tones := map[string]signals.Tone{}
			for _, tone := range signals.Tones() {
				tones[tone.Name] = tone
			}
			JSON(w, http.StatusOK, tones)
		}},
		{http.MethodGet, "/device.js", Asset("text/javascript; charset=utf-8", deviceJS)},
	}
}

// Page renders a page that may use the template "device".
func Page(source string, data any) ([]byte, error) {
	page, err := template.New("page").Parse(source)
	if err == nil {
		page, err = page.Parse(deviceHTML)
	}
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, "page", data); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return out.Bytes(), nil
}
