package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// mostSkew is how far the device's clock may be off. Only the validity of
// certificates depends on it, and what people read in logs.
const mostSkew = 30 * time.Second

// Clock is what the device's clock is held against.
type Clock struct {
	Network
	// Built is when the program was made; zero: nobody knows.
	Built time.Time
	// Controller is the base URL to ask for the time; "" asks nobody.
	Controller string
	// TLS is whom to believe there; nil: the system's authorities.
	TLS *tls.Config
}

const setClock = "timedatectl set-ntp true, and let UDP port 123 out of the shop's network; until then certificates cannot be judged"

// Run is the check.
func (c Clock) Run(ctx context.Context) Finding {
	now := c.Now()
	if now.Before(c.Built) {
		return bad(setClock, "it says %s, before this program was made (%s)", stamp(now), stamp(c.Built))
	}
	if c.Controller == "" {
		return good("%s; no controller in the configuration to compare it with", stamp(now))
	}
	theirs, took, err := c.ask(ctx)
	if err != nil {
		return good("%s; not compared, the controller does not answer: %s", stamp(now), oneLine(err))
	}
	skew := c.Now().Sub(theirs)
	f := good("%s off the controller's", seconds(skew))
	if skew.Abs() > mostSkew {
		f = bad(setClock, "%s off the controller's: %s, there it is %s", seconds(skew), stamp(c.Now()), stamp(theirs))
	}
	f.Took = took
	return f
}

// ask is the controller's time at the end of the question, as near as one can
// tell: its Date has whole seconds, and half the way is behind it.
func (c Clock) ask(ctx context.Context) (theirs time.Time, took time.Duration, err error) {
	config := c.TLS
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	transport := &http.Transport{DialContext: c.Dial, Proxy: nil, TLSClientConfig: config, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport:     transport,
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, strings.TrimRight(c.Controller, "/")+"/", nil)
	if err != nil {
		return theirs, 0, err
	}
	begun := time.Now()
	res, err := client.Do(req)
	took = time.Since(begun)
	if err != nil {
		return theirs, 0, err
	}
	_ = res.Body.Close()
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return theirs, 0, fmt.Errorf("no time in its answer: %w", err)
	}
	return date.Add(500*time.Millisecond + took/2), took, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// seconds writes a skew with its sign; that of a second or less is none.
func seconds(d time.Duration) string {
	if d.Abs() <= time.Second {
		return "less than a second"
	}
	return fmt.Sprintf("%+.0f s", d.Seconds())
}
