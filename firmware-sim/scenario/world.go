package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/firmware-sim/demo"
	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
)

// The sandbox's merchant and the key that it signs with (phonepe-api: The
// sandbox).
const (
	merchantID = "MERCHANTUAT"
	saltKey    = "sandbox-merchant-key"
	saltIndex  = 1
)

// patience is how long a line waits unless the scenario says otherwise.
const patience = 20 * time.Second

// counter is one terminal and everything that was seen of it.
type counter struct {
	*terminal.Terminal
	name string
	seen *demo.Sightings
	mark int // what had been seen when the last line began that did something
}

// payment is one that was asked for.
type payment struct {
	name     string
	id       string // the merchant's transaction id
	amount   protocol.Paise
	terminal string
	bill     *wallet.Bill // as it was scanned; nil: it was not
	qr       string       // what was scanned last
	tries    []string     // TxnIDs by which it was tried to be paid
}

// world is everything that a scenario plays with.
type world struct {
	dir        string
	url        string      // of the controller
	controller *controller // nil: it is not ours
	counters   map[string]*counter
	payments   map[string]*payment
	ids        map[string]string // names of payments, by transaction id
	till       *merchantapi.Client
	client     *http.Client
	wallet     *wallet.Wallet
	network    *npci.Network
	catcher    *demo.Catcher
	patience   time.Duration
	serving    sync.WaitGroup
	end        context.CancelFunc // of what serves
	log        *slog.Logger
}

// identity is who a terminal is, and what its panel is.
func identity(name string) (protocol.Identity, string) {
	switch name {
	case "T2":
		return protocol.Identity{MerchantID: merchantID, StoreID: "MS2603301457425143586306", TerminalID: "MST2603301758302811969831"}, "ili9488"
	case "T3":
		return protocol.Identity{MerchantID: merchantID, StoreID: "MS2403212004046998204201", TerminalID: "MST2405301213090857163565"}, "ili9341"
	}
	return protocol.Identity{MerchantID: merchantID, StoreID: "teststore1", TerminalID: "testterminal1"}, "st7789"
}

// open makes the world; nothing has power yet.
func open(cfg Config) (w *world, err error) {
	w = &world{
		counters: map[string]*counter{}, payments: map[string]*payment{}, ids: map[string]string{}, patience: patience, log: cfg.Log,
		// Longer than a payment may take whose bank does not answer.
		client: &http.Client{Timeout: 45 * time.Second, Transport: &http.Transport{}},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "galla-scenario-"); err != nil {
		return w, err
	}
	var listeners [2]net.Listener // the merchant's server, the UPI network
	for i := range listeners {
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return w, err
		}
	}
	w.url = strings.TrimRight(cfg.Controller, "/")
	if w.url == "" {
		if w.controller, err = newController(cfg.ControllerBin, w.dir, "http://"+listeners[1].Addr().String()); err != nil {
			return w, err
		}
		w.url = w.controller.url
	}
	books := &npci.Books{}
	if w.network, err = npci.NewNetwork(npci.NetworkConfig{Controller: w.url, Books: books, Log: cfg.Log}); err != nil {
		return w, err
	}
	w.wallet = &wallet.Wallet{Network: &npci.Client{BaseURL: w.url, HTTP: w.client, Books: books}}
	w.catcher = demo.NewCatcher(demo.NewTimeline(io.Discard))
	w.till, err = merchantapi.New(merchantapi.Config{
		BaseURL: w.url, MerchantID: merchantID, SaltKey: saltKey, SaltIndex: saltIndex,
		CallbackURL: "http://" + listeners[0].Addr().String() + "/callback", HTTP: &http.Client{Timeout: 10 * time.Second, Transport: w.client.Transport},
	})
	if err != nil {
		return w, err
	}
	ctx, end := context.WithCancel(context.Background())
	w.end = end
	for listener, handler := range map[net.Listener]http.Handler{listeners[0]: w.catcher, listeners[1]: w.network.Handler()} {
		w.serving.Go(func() {
			if err := web.Serve(ctx, listener, handler); err != nil {
				w.log.Error("no longer served", "address", listener.Addr().String(), "error", err)
			}
		})
	}
	return w, nil
}

// addTerminal gives the world a terminal without power.
func (w *world) addTerminal(name, software string) (err error) {
	id, kind := identity(name)
	c := &counter{name: name, seen: demo.NewSightings(name, demo.NewTimeline(io.Discard))}
	c.Terminal, err = terminal.New(terminal.Config{
		Identity: id, Controller: w.url, PanelKind: kind, DataDir: filepath.Join(w.dir, name), Software: software, Changed: c.seen.Add, Log: w.log,
	})
	if err != nil {
		return err
	}
	w.counters[name] = c
	return nil
}

// close ends everything and removes what it had on disk.
func (w *world) close() error {
	var errs []error
	for _, c := range w.counters {
		errs = append(errs, c.Close())
	}
	if w.controller != nil {
		errs = append(errs, w.controller.close())
	}
	if w.end != nil {
		w.end()
		w.serving.Wait()
	}
	if w.network != nil {
		w.network.Close()
	}
	w.client.CloseIdleConnections()
	if w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}

// about names the payment of a transaction id, for people.
func (w *world) about(id string) string {
	if name, ok := w.ids[id]; ok {
		return name
	}
	return id
}

// onGlass is the payment that a terminal shows.
func (w *world) onGlass(name string) (*payment, error) {
	view := w.counters[name].View()
	for _, p := range w.payments {
		if p.id == view.MerchantTransactionID {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s shows no payment: %s", name, view.Text)
}

// target is the payment of that name, or the one that the terminal shows.
func (w *world) target(name string) (*payment, error) {
	if p, ok := w.payments[name]; ok {
		return p, nil
	}
	return w.onGlass(name)
}
