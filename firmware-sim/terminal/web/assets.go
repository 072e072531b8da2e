package web

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
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
	Keys, Card    bool   // it has keys, a card reader
}

// Assets are the routes of what both pages load: /base.css and /device.js.
func Assets() []Route {
	return []Route{
		{http.MethodGet, "/base.css", Asset("text/css; charset=utf-8", baseCSS)},
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
