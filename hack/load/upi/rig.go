package upi

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"
)

// options are what a rig is told.
type options struct {
	target       string // http://host:port; "": a house of its own
	server, data int    // process ids of target's controller and PostgreSQL; 0: not known
	controller   string // a binary; "": it is built
	gaps         string
	signed       bool
	answers      string // signed with answerRSA, the default, or answerP256
	profiled     bool
	most         int           // connections
	limit        time.Duration // of a request's wait
}

// rig is a house and an engine that puts load on it.
type rig struct {
	options
	house    *house
	engine   *engine
	unsigned *unsigned
	key      *key // nil: messages are not signed
	vouched  bool // the server's own signature was seen to be good
}

// host is that of an engine's requests: what server sees of the target.
func (r *rig) host() string { return r.house.addr }

// openRig starts what there is to start.
func openRig(ctx context.Context, o options) (r *rig, err error) {
	r = &rig{options: o}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	// Probes and the engine keep their turn while they sleep; nobody else shall wait
	// for it.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), 2*runtime.NumCPU()+4))
	var certificate []byte
	if o.signed {
		if r.key, err = newKey(); err != nil {
			return r, err
		}
		if certificate, err = r.key.certificate(); err != nil {
			return r, err
		}
	}
	if o.target != "" {
		r.house = &house{addr: o.target, server: o.server, data: o.data, about: "http://" + o.target}
	} else if r.house, err = openHouse(ctx, o.controller, o.profiled, certificate, o.answers); err != nil {
		return r, err
	}
	// Ids are unlike those of every run before; schedules are those of every run.
	r.unsigned = newUnsigned(r.host(), time.Now(), rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	r.engine, err = newEngine(r.host(), r.unsigned, o.limit, o.most)
	return r, err
}

// close stops what openRig started. It may be called again.
func (r *rig) close() {
	if r.engine != nil {
		r.engine.close()
	}
	if r.house != nil {
		r.house.close()
	}
}

const (
	// fillers is how many connections fetch tokens before a run, and patience how
	// long each waits.
	fillers  = 64
	patience = time.Minute
	// reserve is how long the server may be late with answers before ReqPays find no
	// token; a server that is a second late has missed its goals long before.
	reserve = time.Second
)

// fill gets tokens until there are so many.
func (r *rig) fill(ctx context.Context, want int) error {
	missing := want - r.unsigned.tokens.len()
	if missing <= 0 {
		return nil
	}
	r.engine.messages, r.engine.most, r.engine.limit = r.unsigned, fillers, patience
	defer func() { r.engine.most, r.engine.limit = r.most, r.limit }()
	t, err := r.engine.run(ctx, atOnce(missing))
	if err != nil {
		return err
	}
	if o := t.of[validate]; o.good < missing {
		return fmt.Errorf("of %d ReqValQr before the run only %d got a token; the others: %v", missing, o.good, o.failures)
	}
	return nil
}

// schedules are those of every run: two runs differ by the server alone.
func schedules() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// measure runs at a rate for so long. during, which may be nil, is called as it
// begins, and has ended when measure returns.
func (r *rig) measure(ctx context.Context, rate float64, length time.Duration, during func(context.Context) error) (report, error) {
	plan := newSchedule(rate, length, r.gaps, schedules())
	if len(plan) < kinds {
		return report{}, errors.New("a run of fewer than two requests says nothing")
	}
	if err := r.prepare(ctx, plan, rate); err != nil {
		return report{}, err
	}
	// What was needed for the preparation must not be cleared away in the run.
	runtime.GC()
	watch, stop := context.WithCancel(ctx)
	defer stop()
	aside := make(chan error, 1)
	go func() {
		if during == nil {
			aside <- nil
			return
		}
		aside <- during(watch)
	}()
	before, err := takeUsage(r.house.server, r.house.data)
	if err != nil {
		return report{}, err
	}
	stalled := watchStalls(watch, runtime.NumCPU())
	t, err := r.engine.run(ctx, plan)
	if err != nil {
		return report{}, err
	}
	after, err := takeUsage(r.house.server, r.house.data)
	if err != nil {
		return report{}, err
	}
	if err := <-aside; err != nil {
		return report{}, err
	}
	stop()
	used := after.since(before)
	n := noise{Others: used.others(), Steal: used.stolen(), Stalled: stalled()}
	if r.house.server == 0 || r.house.data == 0 {
		n.Others = 0 // the server is among them
	}
	result := newReport(t, used, n)
	result.Rate, result.Seconds, result.Gaps, result.Signed = rate, length.Seconds(), r.gaps, r.signed
	if r.signed {
		result.Answers = cmp.Or(r.answers, answerRSA)
	}
	return result, nil
}

// prepare gets the tokens of a run and, where they are signed, makes its messages.
func (r *rig) prepare(ctx context.Context, plan []arrival, rate float64) error {
	if !r.signed {
		r.engine.messages = r.unsigned
		return r.fill(ctx, int(rate/kinds*reserve.Seconds())+1)
	}
	pays := 0
	for _, a := range plan {
		if a.kind == pay {
			pays++
		}
	}
	// The sandbox gives MER101 tokens without a signature as well, and they are the same.
	if err := r.fill(ctx, pays+1); err != nil {
		return err
	}
	if !r.vouched {
		if err := r.vouch(ctx); err != nil {
			return err
		}
		r.vouched = true
	}
	ready, err := newPresigned(plan, r.unsigned, r.host(), r.key)
	if err != nil {
		return err
	}
	r.engine.messages = ready
	return nil
}

// vouch sends one signed message and checks that the answer is signed by whom the
// server says it is; later answers are only seen to have a signature.
func (r *rig) vouch(ctx context.Context) error {
	cert, err := fetchCertificate(ctx, "http://"+r.host())
	if err != nil {
		return err
	}
	one, err := newPresigned(atOnce(1), r.unsigned, r.host(), r.key)
	if err != nil {
		return err
	}
	var seen []byte
	r.engine.messages, r.engine.limit = one, patience
	r.engine.see = func(body []byte) { seen = append(seen, body...) }
	defer func() { r.engine.limit, r.engine.see = r.limit, nil }()
	t, err := r.engine.run(ctx, atOnce(1))
	if err != nil {
		return err
	}
	if t.of[validate].good != 1 {
		return fmt.Errorf("the first signed message: %v\n%s", t.of[validate].failures, seen)
	}
	return vouched(seen, cert)
}

func fetchCertificate(ctx context.Context, base string) (*x509.Certificate, error) {
	text, err := get(ctx, base+"/api/v1/dynamic-qr/certificate")
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the server has no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// get is for what is not part of the load.
func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP %d: %.200s", url, resp.StatusCode, text)
	}
	return text, err
}
