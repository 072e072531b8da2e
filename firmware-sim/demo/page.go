package demo

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/galla-pay/galla/firmware-sim/magic"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
)

//go:embed assets/demo.html
var demoHTML string

//go:embed assets/demo.css
var demoCSS []byte

//go:embed assets/demo.js
var demoJS []byte

// Bounds of a sale that is made on the page.
const (
	pageExpiresIn = 180  // seconds, when the page does not say
	pageMaxExpiry = 1800 // seconds: above it the API holds it to that
	pageBodyLimit = 4 << 10
)

// saleRequest is the body of POST /sales.
type saleRequest struct {
	Terminal  int    `json:"terminal"`  // 1 or 2
	Amount    string `json:"amount"`    // rupees, "245.00"
	ExpiresIn int    `json:"expiresIn"` // seconds, 1..1800; 0 is 180
}

// pageHandler is the demo's side for people:
//
//	GET  /                                     the page
//	GET  /events                               entry (Entry), state, frame ({terminal, data})
//	GET  /curl                                 a signed sale to paste, with an id of its own
//	POST /sales                                saleRequest; answers 202 with the transaction id
//	POST /terminals/{n}/pay, .../decline       a phone scans what terminal n shows; 202
//	     /terminals/{n}/...                    terminal.Controls: power, network, keys, card
//	POST /callback                             the merchant's server
//
// What a sale or a phone comes to is in the timeline. running ends what they
// started.
func (s *stage) pageHandler(running context.Context) http.Handler {
	routes := append(web.Assets(), []web.Route{
		{Method: http.MethodGet, Pattern: "/{$}", Serve: s.servePage},
		{Method: http.MethodGet, Pattern: "/demo.css", Serve: web.Asset("text/css; charset=utf-8", demoCSS)},
		{Method: http.MethodGet, Pattern: "/demo.js", Serve: web.Asset("text/javascript; charset=utf-8", demoJS)},
		{Method: http.MethodGet, Pattern: "/events", Serve: s.serveEvents},
		{Method: http.MethodGet, Pattern: "/curl", Serve: s.serveCurl},
		{Method: http.MethodPost, Pattern: "/sales", Serve: func(w http.ResponseWriter, r *http.Request) { s.serveSale(running, w, r) }},
		{Method: http.MethodPost, Pattern: "/callback", Serve: s.catcher.ServeHTTP},
	}...)
	for _, c := range s.counters {
		base := s.base(c)
		routes = append(routes, []web.Route{
			{Method: http.MethodPost, Pattern: base + "/pay", Serve: s.servePhone(running, c, false)},
			{Method: http.MethodPost, Pattern: base + "/decline", Serve: s.servePhone(running, c, true)},
		}...)
		routes = append(routes, c.Controls(base)...)
	}
	return web.Guard(web.Routes(routes))
}

// base is where the page has the counter's switches.
func (s *stage) base(c *counter) string { return fmt.Sprintf("/terminals/%d", c.number) }

func (s *stage) servePage(w http.ResponseWriter, r *http.Request) {
	type device struct {
		web.Device
		Number int
		URL    string
	}
	var data struct {
		Version string
		API     string
		Devices []device
		Magic   []magic.Behaviour
	}
	data.Version, data.API = s.cfg.Version, s.till.url
	if s.cfg.Magic {
		data.Magic = magic.Table()
	}
	for _, c := range s.counters {
		data.Devices = append(data.Devices, device{c.Device(s.base(c)), c.number, c.url})
	}
	page, err := web.Page(demoHTML, data)
	if err != nil {
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
		return
	}
	web.Asset("text/html; charset=utf-8", page)(w, r)
}

func (s *stage) serveCurl(w http.ResponseWriter, _ *http.Request) {
	curl, err := s.till.Curl(newSale(s.counters[0], 24_500, pageExpiresIn))
	if err != nil {
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, curl)
}

// readSale checks what the page asks for.
func (s *stage) readSale(w http.ResponseWriter, r *http.Request) (*counter, Sale, error) {
	var request saleRequest
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, pageBodyLimit))
	body.DisallowUnknownFields()
	if err := body.Decode(&request); err != nil {
		return nil, Sale{}, errors.New(`a sale is {"terminal": 1, "amount": "245.00", "expiresIn": 180}`)
	}
	if request.Terminal < 1 || request.Terminal > len(s.counters) {
		return nil, Sale{}, fmt.Errorf("terminal is 1 to %d, not %d", len(s.counters), request.Terminal)
	}
	amount, err := protocol.ParseRupees(request.Amount)
	if err != nil {
		return nil, Sale{}, err
	}
	if amount < leastSale || amount > mostSale {
		return nil, Sale{}, fmt.Errorf("amount is %s to %s rupees", leastSale.Rupees(), mostSale.Rupees())
	}
	if request.ExpiresIn == 0 {
		request.ExpiresIn = pageExpiresIn
	}
	if request.ExpiresIn < 1 || request.ExpiresIn > pageMaxExpiry {
		return nil, Sale{}, fmt.Errorf("expiresIn is 1 to %d seconds", pageMaxExpiry)
	}
	c := s.counters[request.Terminal-1]
	return c, newSale(c, amount, request.ExpiresIn), nil
}

func (s *stage) serveSale(running context.Context, w http.ResponseWriter, r *http.Request) {
	_, sale, err := s.readSale(w, r)
	if err != nil {
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
		return
	}
	s.started.Go(func() {
		var refused *Refused
		err := s.sell(running, sale)
		if err == nil {
			_, err = s.follow(running, sale)
		}
		if err != nil && running.Err() == nil && !errors.As(err, &refused) {
			s.timeline.Add(whoTill, sale.TransactionID, "%v", err)
		}
	})
	web.JSON(w, http.StatusAccepted, struct {
		MerchantTransactionID string `json:"merchantTransactionId"`
	}{sale.TransactionID})
}

func (s *stage) servePhone(running context.Context, c *counter, decline bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		view := c.View()
		if view.Mode != protocol.ModePresenting {
			web.Fail(w, http.StatusConflict, web.CodeConflict, "there is no QR on this terminal: "+view.Text)
			return
		}
		sale := Sale{TransactionID: view.MerchantTransactionID, Amount: view.AmountPaise}
		s.started.Go(func() {
			if _, err := s.scan(running, c, sale, decline); err != nil && running.Err() == nil {
				s.timeline.Add(whoPhone, sale.TransactionID, "%v", err)
			}
		})
		web.JSON(w, http.StatusAccepted, struct {
			MerchantTransactionID string `json:"merchantTransactionId"`
		}{sale.TransactionID})
	}
}

// fromTerminal is an event of one terminal in the demo's stream.
type fromTerminal struct {
	Terminal int `json:"terminal"`
	Data     any `json:"data"`
}

func (s *stage) serveEvents(w http.ResponseWriter, r *http.Request) {
	stream, err := web.OpenStream(w)
	if err != nil {
		return
	}
	ping := time.NewTicker(web.KeepAlive)
	defer ping.Stop()
	var push []func() error
	for _, c := range s.counters {
		push = append(push, c.Pusher(func(event string, v any) error {
			return stream.Send(event, fromTerminal{c.number, v})
		}))
	}
	// A page that reconnects to another run of the demo loads itself anew.
	if stream.Send("run", s.run) != nil {
		return
	}
	last := 0
	for {
		first, second := s.counters[0].Terminal.Changed(), s.counters[1].Terminal.Changed()
		entries, more := s.timeline.After(last)
		for _, e := range entries {
			if stream.Send("entry", e) != nil {
				return
			}
			last = e.N
		}
		for _, p := range push {
			if p() != nil {
				return
			}
		}
		select {
		case <-first:
		case <-second:
		case <-more:
		case <-ping.C:
			if stream.Ping() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// A Dynamic QR asks for 1 to 8000 rupees (PRD 4.2).
const (
	leastSale protocol.Paise = 100
	mostSale  protocol.Paise = 800_000
)
