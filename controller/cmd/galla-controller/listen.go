package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

// listenCommand forwards a merchant's callbacks to a server that the controller
// could not call: a POS under development on somebody's desk. It follows the
// merchant's event feed (GET /v1/events).
type listenCommand struct {
	URL         string        `name:"url" default:"http://127.0.0.1:8080" help:"Where the controller is; a deployment prefix may follow."`
	MerchantID  string        `name:"merchant-id" required:"" help:"The merchant whose callbacks are wanted."`
	ProviderID  string        `name:"provider-id" help:"The provider whose key signs, where it is not the merchant's own."`
	SaltKey     string        `default:"sandbox-merchant-key" help:"The salt key; the default is the sandbox's."`
	SaltKeyFile string        `placeholder:"FILE" help:"Read the salt key from this file, which others may not read."`
	Index       int           `name:"salt-index" default:"1" help:"The salt key's index."`
	ForwardTo   string        `required:"" placeholder:"URL" help:"Where to send each callback."`
	CursorFile  string        `placeholder:"FILE" help:"Keep the place in the feed in this file: nothing is missed while listen is off."`
	Since       time.Duration `default:"0s" placeholder:"1h" help:"Begin with the callbacks of this time, where the cursor file says nothing yet; up to 720h."`
	JSON        bool          `name:"json" help:"Print one JSON object a callback."`
}

// Times of listen.
const (
	// listenWait is how long the controller may wait for an event; listenTimeout
	// is when an answer is given up.
	listenWait    = 25 * time.Second
	listenTimeout = listenWait + 15*time.Second
	listenPage    = 50
	// forwardTimeout is what a callback's target has (phonepe-api: Callback).
	forwardTimeout = 5 * time.Second
	// firstListenPause is the first pause after a failure; each is twice the one
	// before, up to lastListenPause.
	firstListenPause = 500 * time.Millisecond
	lastListenPause  = 15 * time.Second
	// maxSince is the controller's bound.
	maxSince = 720 * time.Hour
)

// Run forwards until ctx ends. What is being forwarded then is finished.
func (l listenCommand) Run(ctx context.Context, out io.Writer) error {
	listener, err := l.listener(out)
	if err != nil {
		return err
	}
	return listener.run(ctx)
}

// listener checks what it was told and makes what does the work.
func (l listenCommand) listener(out io.Writer) (*listener, error) {
	base, err := absolute("--url", l.URL)
	if err != nil {
		return nil, err
	}
	target, err := absolute("--forward-to", l.ForwardTo)
	if err != nil {
		return nil, err
	}
	switch {
	case !protocol.ValidID(l.MerchantID, 64):
		return nil, errors.New("--merchant-id is of letters, digits, _ and -")
	case l.Index < 1 || l.Index > xverify.MaxIndex:
		return nil, fmt.Errorf("--salt-index must be 1 to %d", xverify.MaxIndex)
	case l.Since < 0 || l.Since > maxSince || l.Since%time.Second != 0:
		return nil, errors.New("--since is 0s to 720h, in whole seconds")
	}
	key := l.SaltKey
	if l.SaltKeyFile != "" {
		if key, err = readPassword(l.SaltKeyFile); err != nil {
			return nil, fmt.Errorf("--salt-key-file: %w", err)
		}
	}
	if key == "" {
		return nil, errors.New("--salt-key: the key is empty")
	}
	place, err := openFeedPlace(l.CursorFile, l.MerchantID)
	if err != nil {
		return nil, fmt.Errorf("--cursor-file: %w", err)
	}
	api := http.DefaultTransport.(*http.Transport).Clone()
	forward := api.Clone()
	forward.Proxy = nil // what listens here is near
	return &listener{
		feed: feedClient{
			base: strings.TrimRight(base.String(), "/"), merchantID: l.MerchantID, providerID: l.ProviderID, saltKey: key, index: l.Index,
			http: &http.Client{Transport: api, Timeout: listenTimeout, CheckRedirect: noRedirect},
		},
		target: target, forwarder: &http.Client{Transport: forward, Timeout: forwardTimeout, CheckRedirect: noRedirect},
		place: place, since: l.Since, print: listenPrinter{out: out, errs: os.Stderr, json: l.JSON},
	}, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func absolute(flag, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: want http://host or https://host", flag)
	}
	return u, nil
}

// listener takes events from the feed and forwards them, one after another.
type listener struct {
	feed      feedClient
	target    *url.URL
	forwarder *http.Client
	place     *feedPlace
	since     time.Duration
	print     listenPrinter
}

// run goes round: ask for what follows the place, forward it in order, move the
// place behind each one that was taken. After a failure the feed is asked again
// from where the place stands, so that nothing is left out or changes its order,
// and what is tried again is signed anew.
func (l *listener) run(ctx context.Context) error {
	defer l.feed.http.CloseIdleConnections()
	defer l.forwarder.CloseIdleConnections()
	pause := firstListenPause
	tries := 0 // failures in a row of the event that is next
	l.print.said("listening for %s at %s, forwarding to %s", l.feed.merchantID, l.feed.base, l.print.place(l.target))
	for ctx.Err() == nil {
		page, err := l.feed.ask(ctx, l.place.cursor, l.since, tries > 0)
		if err == nil {
			l.print.well("controller")
			// Where a feed that was begun by time begins must not move with the time.
			err = l.place.move(page.After)
		}
		if err == nil {
			var done int
			if done, err = l.forwardAll(ctx, page.Events, tries); done > 0 || len(page.Events) == 0 {
				tries = 0
			}
			if err != nil {
				tries++
			}
		}
		if err == nil && len(page.Events) == 0 {
			err = l.place.move(page.Next)
		}
		var final *listenEnd
		switch {
		case ctx.Err() != nil:
		case errors.As(err, &final):
			return err
		case err != nil:
			l.print.failed(err, pause)
			sleepFor(ctx, max(pause, retryAfter(err)))
			pause = min(2*pause, lastListenPause)
		default:
			pause = firstListenPause
		}
	}
	l.print.said("stopped; %s", l.place)
	return nil
}

// forwardAll forwards until one fails, and says how many were taken.
func (l *listener) forwardAll(ctx context.Context, events []feedEvent, tries int) (done int, err error) {
	for _, e := range events {
		if ctx.Err() != nil {
			return done, nil
		}
		began := time.Now()
		// What has begun is finished: Ctrl-C comes between two events.
		status, err := l.forward(context.WithoutCancel(ctx), e)
		if err != nil {
			return done, err
		}
		if err := l.place.move(e.Cursor); err != nil {
			return done, err
		}
		l.print.well("target")
		l.print.forwarded(e, l.target, status, time.Since(began), tries+1)
		done, tries = done+1, 0
	}
	return done, nil
}

// forward sends one event as the callback would come.
func (l *listener) forward(ctx context.Context, e feedEvent) (status int, err error) {
	if e.Method != http.MethodPost && e.Method != http.MethodPut {
		return 0, &listenEnd{fmt.Errorf("event %s cannot be forwarded: its method is %q", e.EventID, e.Method)}
	}
	r, err := http.NewRequestWithContext(ctx, e.Method, l.target.String(), strings.NewReader(e.Body))
	if err != nil {
		return 0, &listenEnd{fmt.Errorf("event %s cannot be forwarded: %w", e.EventID, err)}
	}
	for name, value := range e.Headers {
		r.Header[name] = []string{value} // the name as the callback writes it
	}
	response, err := l.forwarder.Do(r)
	if err != nil {
		return 0, &listenFailure{who: "target", err: fmt.Errorf("event %s: %w", e.EventID, unwrapURL(err))}
	}
	_, _ = io.CopyN(io.Discard, response.Body, 4096)
	_ = response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return 0, &listenFailure{who: "target", err: fmt.Errorf("event %s: HTTP %d", e.EventID, response.StatusCode)}
	}
	return response.StatusCode, nil
}

// listenFailure is what is tried again: of the target, the controller or the disk.
type listenFailure struct {
	who        string
	err        error
	retryAfter time.Duration
}

func (f *listenFailure) Error() string { return f.who + ": " + f.err.Error() }
func (f *listenFailure) Unwrap() error { return f.err }

func retryAfter(err error) time.Duration {
	if f := (*listenFailure)(nil); errors.As(err, &f) {
		return min(f.retryAfter, time.Minute)
	}
	return 0
}

// listenEnd is what no repetition mends.
type listenEnd struct{ err error }

func (f *listenEnd) Error() string { return f.err.Error() }
func (f *listenEnd) Unwrap() error { return f.err }

// unwrapURL takes the URL, which the user knows, out of an error.
func unwrapURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

func sleepFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
