package terminal

import (
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

//go:embed assets/terminal.html
var pageHTML string

//go:embed assets/terminal.js
var pageJS []byte

// Frame is one picture as the event stream carries it.
type Frame struct {
	Version uint64 `json:"version"`
	PNG     string `json:"png"` // a data: URL
}

// Handler is the terminal's side for people and test programs:
//
//	GET  /                    the page
//	GET  /panel.png           what is on the glass, pixel for pixel
//	GET  /companion.png       the same of the companion; 404 when there is none
//	GET  /state               State
//	GET  /events              server-sent events: state (View), frame and companion (Frame)
//
// and Controls. Mistakes are answered as package web does. It works while the
// terminal has no power, too; after Close the switches answer 409.
func (t *Terminal) Handler() http.Handler { return web.Guard(web.Routes(t.routes())) }

func (t *Terminal) routes() []web.Route {
	return slices.Concat(web.Assets(), t.Controls(""), []web.Route{
		{Method: http.MethodGet, Pattern: "/{$}", Serve: web.Asset("text/html; charset=utf-8", t.page)},
		{Method: http.MethodGet, Pattern: "/terminal.js", Serve: web.Asset("text/javascript; charset=utf-8", pageJS)},
		{Method: http.MethodGet, Pattern: "/panel.png", Serve: servePicture(t.PNG)},
		{Method: http.MethodGet, Pattern: "/companion.png", Serve: servePicture(t.CompanionPNG)},
		{Method: http.MethodGet, Pattern: "/state", Serve: t.serveState},
		{Method: http.MethodGet, Pattern: "/events", Serve: t.serveEvents},
	})
}

// renderPage makes the page of GET /.
func (t *Terminal) renderPage() ([]byte, error) {
	return web.Page(pageHTML, struct{ Device web.Device }{t.Device("")})
}

// Device describes the terminal for a page that has its switches below base.
func (t *Terminal) Device(base string) web.Device {
	id, size := t.cfg.Identity, t.glass.kind.Size
	device := web.Device{
		Base:  base,
		Name:  id.TerminalID,
		Where: fmt.Sprintf("%s of %s, %s %dx%d", id.StoreID, id.MerchantID, t.glass.kind.Name, size.X, size.Y),
		Width: size.X, Height: size.Y,
		Keys:  !t.cfg.NoKeys,
		Alone: base == "",
	}
	if t.second != nil {
		device.Companion = &web.Glass{Width: t.second.kind.Size.X, Height: t.second.kind.Size.Y}
	}
	if !t.cfg.NoCardReader {
		for _, outcome := range card.Outcomes() {
			device.Card = append(device.Card, button(outcome))
		}
	}
	return device
}

// button is what a page says of an outcome.
func button(outcome card.Outcome) web.Tap {
	words := map[string][2]string{
		"approve": {"Approve", "Approve a card"},
		"decline": {"Decline", "Decline a card"},
		"timeout": {"No answer", "No answer to a card"},
		"late":    {"Late", "Late approval of a card"},
		"remove":  {"Remove", "Remove the card"},
		"reverse": {"Reverse", "Reverse the approval of a card"},
	}[string(outcome)]
	if words[0] == "" {
		words = [2]string{string(outcome), "Card: " + string(outcome)}
	}
	return web.Tap{Outcome: string(outcome), Label: words[0], Meaning: words[1]}
}

// servePicture serves a glass.
func servePicture(png func() ([]byte, uint64, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		picture, _, err := png()
		switch {
		case errors.Is(err, ErrNoCompanion):
			web.Fail(w, http.StatusNotFound, web.CodeNotFound, err.Error())
			return
		case err != nil:
			web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
			return
		}
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(picture)
	}
}

func (t *Terminal) serveState(w http.ResponseWriter, _ *http.Request) {
	web.JSON(w, http.StatusOK, t.State())
}

func (t *Terminal) serveEvents(w http.ResponseWriter, r *http.Request) {
	stream, err := web.OpenStream(w)
	if err != nil {
		return
	}
	ping := time.NewTicker(web.KeepAlive)
	defer ping.Stop()
	push := t.Pusher(func(event string, v any) error { return stream.Send(event, v) })
	for {
		changed := t.Changed()
		if push() != nil {
			return
		}
		select {
		case <-changed:
		case <-ping.C:
			if stream.Ping() != nil {
				return
			}
		case <-t.life.Done():
			return
		case <-r.Context().Done():
			return
		}
	}
}

// Pusher returns a function that sends what is new since it was last called:
// the event state with a View, the events frame and companion with a Frame; at
// first all of them. What changed several times in between is sent once, as it is
// now.
func (t *Terminal) Pusher(send func(event string, v any) error) func() error {
	var lastView View
	first := true
	pictures := []func() error{pushPicture("frame", t.glass, send)}
	if t.second != nil {
		pictures = append(pictures, pushPicture("companion", t.second, send))
	}
	return func() error {
		view := t.View()
		compare := view
		compare.SinceMs, compare.LeftMs = 0, 0 // a duration is no news
		if first || compare != lastView {
			if err := send("state", view); err != nil {
				return err
			}
			lastView = compare
		}
		first = false
		for _, push := range pictures {
			if err := push(); err != nil {
				return err
			}
		}
		return nil
	}
}

// pushPicture sends a glass's picture when it is a new one.
func pushPicture(event string, g *glass, send func(event string, v any) error) func() error {
	last, first := uint64(0), true
	return func() error {
		if !first && g.Version() == last {
			return nil
		}
		picture, version, err := g.PNG()
		if err != nil {
			return err
		}
		data := "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)
		if err := send(event, Frame{Version: version, PNG: data}); err != nil {
			return err
		}
		first, last = false, version
		return nil
	}
}
