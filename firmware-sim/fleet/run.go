package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
)

// Config says what a fleet is and does.
type Config struct {
	// Controller is its base URL, Merchant whose terminals they are.
	Controller string
	Merchant   string
	// AdminToken is an administrator's, with which the fleet makes its own store and
	// terminals. "" takes those that the sandbox has.
	AdminToken string
	// SaltKey and SaltIndex sign the merchant's requests.
	SaltKey   string
	SaltIndex int

	Terminals int // 1 to MaxTerminals
	Processes int // 0: as few as it takes

	// Churn and Flap are power and network cuts a minute, Sales sales a second, in
	// all of the fleet; 0: none.
	Churn, Flap, Sales float64
	// For is how long that goes on once all are connected; 0: until ctx ends.
	For  time.Duration
	Seed uint64 // of what is left to chance

	Panel    string // "" is st7789
	Software string // the version that terminals tell
	// Listen is where the fleet can be looked at (Part.Handler); nil: nowhere.
	Listen net.Listener
	// Child is the command line of a child process, which calls Child.
	Child []string
	// Progress is told every ten seconds how it goes.
	Progress io.Writer
	Log      *slog.Logger // nil: nothing is logged
	Errors   io.Writer    // what children say on their standard error; nil: nobody
}

// MaxTerminals bounds a fleet: an embedded broker takes no more.
const MaxTerminals = 20_000

// progressEvery is how often Config.Progress is told.
const progressEvery = 10 * time.Second

// spareFiles are open files of a process beside its terminals' sockets: those that
// are joining have two, sales some more.
const spareFiles = 64 + 3*startsAtOnce

// ErrFew says that one process may not open enough files for any terminal.
var ErrFew = errors.New("a process may open too few files")

// Run runs the fleet until its time is over or ctx ends, and says what came of it.
// It returns ErrUnreachable when there is no controller and ErrAdmin when that does
// not make terminals, both wrapped. Nothing that it started is left.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Errors == nil {
		cfg.Errors = io.Discard
	}
	if cfg.Panel == "" {
		cfg.Panel = "st7789"
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: makesAtOnce}}
	defer client.CloseIdleConnections()
	shares, err := cfg.shares(ctx, client)
	if err != nil {
		return Report{}, err
	}
	// The fleet outlives ctx: what was begun is seen through and checked.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var beside sync.WaitGroup
	defer beside.Wait()
	aside, end := context.WithCancel(work)
	defer end()
	if cfg.Listen != nil {
		beside.Go(func() { _ = web.Serve(aside, cfg.Listen, handler(shares)) })
	}
	beside.Go(func() { progress(aside, cfg.Progress, shares) })
	beside.Go(func() {
		select {
		case <-ctx.Done():
			for _, s := range shares {
				close(s.stop)
			}
		case <-aside.Done():
		}
	})
	began := time.Now()
	errs := make([]error, len(shares))
	var running sync.WaitGroup
	for i, s := range shares {
		running.Go(func() { errs[i] = s.run(work) })
	}
	running.Wait()
	end()
	return reportOf(sum(shares), len(shares), time.Since(began), ctx.Err() != nil), errors.Join(errs...)
}

// shares makes the terminals and shares them out.
func (cfg Config) shares(ctx context.Context, client *http.Client) ([]*share, error) {
	o := &office{url: strings.TrimRight(cfg.Controller, "/"), token: cfg.AdminToken, client: client}
	if err := o.reach(ctx); err != nil {
		return nil, err
	}
	ids := Sandbox(cfg.Merchant)
	var err error
	switch {
	case cfg.AdminToken != "":
		if ids, err = o.makeTerminals(ctx, cfg.Merchant, cfg.Terminals); err != nil {
			return nil, err
		}
		if err := cfg.known(ctx, client, ids[len(ids)-1]); err != nil {
			return nil, err
		}
		fmt.Fprintf(cfg.Progress, "fleet: %d terminals of %s/%s, made where they were not there\n", len(ids), cfg.Merchant, fleetStore)
	case len(ids) == 0:
		return nil, fmt.Errorf("%w: the sandbox has no terminals of %q; an administrator's token makes some", ErrAdmin, cfg.Merchant)
	case cfg.Terminals > len(ids):
		fmt.Fprintf(cfg.Progress, "fleet: %d terminals, not %d: the sandbox has no more of %s; an administrator's token makes more\n",
			len(ids), cfg.Terminals, cfg.Merchant)
	default:
		ids = ids[:cfg.Terminals]
	}
	processes, err := cfg.processes(len(ids))
	if err != nil {
		return nil, err
	}
	var shares []*share
	for i := range processes {
		from, to := len(ids)*i/processes, len(ids)*(i+1)/processes
		part := float64(to-from) / float64(len(ids))
		s := &share{
			spec: Spec{
				Controller: o.url, Merchant: cfg.Merchant, SaltKey: cfg.SaltKey, SaltIndex: cfg.SaltIndex,
				First: from + 1, Identities: ids[from:to],
				Churn: cfg.Churn * part, Flap: cfg.Flap * part, Sales: cfg.Sales * part, ForSeconds: cfg.For.Seconds(),
				Seed: cfg.Seed, Panel: cfg.Panel, Software: cfg.Software,
			},
			log: cfg.Log, errors: cfg.Errors, client: client, stop: make(chan struct{}), phase: phaseJoining,
		}
		if processes > 1 {
			s.command = cfg.Child
		}
		if err := s.spec.check(); err != nil {
			return nil, err
		}
		shares = append(shares, s)
	}
	return shares, nil
}

// knownWithin is how long the controller may take to notice terminals that were
// made: it reads its merchants' data anew every two seconds.
const knownWithin = 15 * time.Second

// known waits until the door of the merchants knows the terminal. It asks for more
// than a Dynamic QR may be, so that nothing is sold: the terminal is looked at
// before the amount (phonepe-api: Wire rules).
func (cfg Config) known(ctx context.Context, client *http.Client, id protocol.Identity) error {
	till, err := merchantapi.New(merchantapi.Config{
		BaseURL: strings.TrimRight(cfg.Controller, "/"), MerchantID: cfg.Merchant, SaltKey: cfg.SaltKey, SaltIndex: cfg.SaltIndex, HTTP: client,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, knownWithin)
	defer cancel()
	for {
		_, err := till.InitDQR(ctx, merchantapi.DQRSale{
			StoreID: id.StoreID, TerminalID: id.TerminalID, TransactionID: "FLEET-PROBE", OrderID: "FLEET-PROBE", Amount: merchantapi.MaxAmount,
		})
		said := (*merchantapi.Error)(nil)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w: it does not notice its new terminals", ErrUnreachable)
		case !errors.As(err, &said), said.Code == "INVALID_STORE_ID", said.Code == "INVALID_TERMINAL_ID":
			pause(ctx, 100*time.Millisecond)
		case said.Code == "UNAUTHORIZED" && cfg.Sales > 0:
			return fmt.Errorf("%w: the salt key does not sign for %s", ErrSalt, cfg.Merchant)
		default:
			return nil
		}
	}
}

// ErrSalt says that the merchant's salt key is not good, where sales need it.
var ErrSalt = errors.New("the salt key is refused")

// processes is in how many processes n terminals run.
func (cfg Config) processes(n int) (int, error) {
	files, err := openFiles()
	if err != nil {
		return 0, err
	}
	return processesFor(n, cfg.Processes, files)
}

// processesFor is the same where a process may have so many open files: at least
// wanted, and never more than there are terminals.
func processesFor(n, wanted int, files uint64) (int, error) {
	if files <= spareFiles {
		return 0, fmt.Errorf("%w: %d", ErrFew, files)
	}
	each := int(min(files-spareFiles, MaxTerminals))
	return min(n, max(wanted, (n+each-1)/each, 1)), nil
}

// sum is what all shares counted.
func sum(shares []*share) Tally {
	var t Tally
	for _, s := range shares {
		t.add(s.tally())
	}
	return t
}

// progress tells how it goes until ctx ends.
func progress(ctx context.Context, out io.Writer, shares []*share) {
	every := time.NewTicker(progressEvery)
	defer every.Stop()
	began := time.Now()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		t := sum(shares)
		failed := 0
		for _, n := range t.Errors {
			failed += n
		}
		fmt.Fprintf(out, "fleet: %4.0f s, %s: %d of %d connected, %d power cuts, %d network cuts, %d sales, %d paid, %d errors\n",
			time.Since(began).Seconds(), phases(shares), t.Connected, t.Terminals, t.PowerCuts, t.NetworkCuts, t.Sales.Asked, t.Sales.Paid, failed)
	}
}

// phases are what the shares are at, each once.
func phases(shares []*share) string {
	var all []string
	for _, s := range shares {
		if phase := s.Phase(); !strings.Contains(strings.Join(all, "+"), phase) {
			all = append(all, phase)
		}
	}
	return strings.Join(all, "+")
}
