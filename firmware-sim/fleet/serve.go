package fleet

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// pictureWithin is how long a glass has to be drawn once it is looked at.
const pictureWithin = 3 * time.Second

// Handler is a part's side for people:
//
//	GET /terminals                  State of every terminal
//	GET /terminals/{n}              State of one
//	GET /terminals/{n}/panel.png    its glass, drawn now if nobody looked before
//	GET /tally                      Tally
//
// Numbers are those of the whole fleet.
func (p *Part) Handler() http.Handler {
	return web.Guard(web.Routes([]web.Route{
		{Method: http.MethodGet, Pattern: "/terminals", Serve: p.serveAll},
		{Method: http.MethodGet, Pattern: "/terminals/{n}", Serve: p.serveOne},
		{Method: http.MethodGet, Pattern: "/terminals/{n}/panel.png", Serve: p.servePanel},
		{Method: http.MethodGet, Pattern: "/tally", Serve: func(w http.ResponseWriter, _ *http.Request) { web.JSON(w, http.StatusOK, p.Tally()) }},
	}))
}

func (p *Part) states() []State {
	states := []State{}
	for _, m := range p.members {
		states = append(states, m.State())
	}
	return states
}

func (p *Part) serveAll(w http.ResponseWriter, _ *http.Request) {
	web.JSON(w, http.StatusOK, p.states())
}

// member is the terminal of the path; nil after it has answered that there is none.
func (p *Part) member(w http.ResponseWriter, r *http.Request) *member {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < p.First || n >= p.First+len(p.members) {
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, fmt.Sprintf("there is no terminal %q", r.PathValue("n")))
		return nil
	}
	return p.members[n-p.First]
}

func (p *Part) serveOne(w http.ResponseWriter, r *http.Request) {
	if m := p.member(w, r); m != nil {
		web.JSON(w, http.StatusOK, m.State())
	}
}

func (p *Part) servePanel(w http.ResponseWriter, r *http.Request) {
	m := p.member(w, r)
	if m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pictureWithin)
	defer cancel()
	picture, err := m.glass.PNG(ctx)
	if err != nil {
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(picture)
}

// handler is the whole fleet's side: it passes on to the part that has the
// terminal.
func handler(parts []*share) http.Handler {
	pass := func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		for _, s := range parts {
			if err != nil || n < s.spec.First || n >= s.spec.First+len(s.spec.Identities) {
				continue
			}
			s.serve(w, r)
			return
		}
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, fmt.Sprintf("there is no terminal %q", r.PathValue("n")))
	}
	return web.Guard(web.Routes([]web.Route{
		{Method: http.MethodGet, Pattern: "/terminals", Serve: func(w http.ResponseWriter, r *http.Request) {
			all := []State{}
			for _, s := range parts {
				states, err := s.states(r.Context())
				if err != nil {
					web.Fail(w, http.StatusServiceUnavailable, web.CodeBusy, err.Error())
					return
				}
				all = append(all, states...)
			}
			web.JSON(w, http.StatusOK, all)
		}},
		{Method: http.MethodGet, Pattern: "/terminals/{n}", Serve: pass},
		{Method: http.MethodGet, Pattern: "/terminals/{n}/panel.png", Serve: pass},
		{Method: http.MethodGet, Pattern: "/tally", Serve: func(w http.ResponseWriter, _ *http.Request) { web.JSON(w, http.StatusOK, sum(parts)) }},
	}))
}

// toChild passes a request on to the child that listens at address.
func toChild(address string) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: address}) }}
}
