package upi

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
)

const usageText = `Sends ReqValQr and ReqPay, half of each, at a fixed rate, whatever the answers
take, to a galla-controller and a PostgreSQL that it starts, and says how many were
answered 00 within 100 and 150 ms, how long they took, what CPU time each cost, and
whether the machine was quiet enough to judge.

  go run ./hack/load upi                        10,000 a second for 20 s
  go run ./hack/load upi -knee                  up from 1,000 until it is too much
  go run ./hack/load upi -signed -knee          the same with signatures, up from 100
  go run ./hack/load upi -signed -answers p256 -knee
                                                and answers signed with a key on P-256, not RSA
  go run ./hack/load upi -profile profile       profiles of the controller as well

`

// Run is the command; the package comment says what it does. The error is about
// something that could not be measured, or ctx's.
func Run(ctx context.Context, args []string, out io.Writer) error {
	c, err := parse(args, out)
	if err != nil {
		return err
	}
	r, err := openRig(ctx, c.options)
	if err != nil {
		return err
	}
	defer r.close()
	if c.knee {
		return c.runKnee(ctx, r, out)
	}
	return c.runOnce(ctx, r, out)
}

// command is the command line.
type command struct {
	options
	rate      float64
	length    time.Duration
	knee      bool
	from      float64
	step      time.Duration
	profileTo string
	json      bool
}

func parse(args []string, out io.Writer) (c command, err error) {
	f := flag.NewFlagSet("upi", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, usageText)
		f.PrintDefaults()
	}
	f.Float64Var(&c.rate, "rate", 10_000, "requests a `second`")
	f.DurationVar(&c.length, "for", 20*time.Second, "how long")
	f.StringVar(&c.gaps, "gaps", poisson, "between requests: poisson, as from many senders, or even")
	f.BoolVar(&c.signed, "signed", false, "sign the messages, which are made before the run, and have the answers signed")
	f.StringVar(&c.answers, "answers", answerRSA, "with -signed: the `key` that signs the answers, rsa (of 2048 bits) or p256")
	f.BoolVar(&c.knee, "knee", false, "find the rate that is just not too much: steps of a quarter up, each twice when it fails")
	f.Float64Var(&c.from, "from", 0, "where -knee begins; 1000 a second, or 100 with -signed")
	f.DurationVar(&c.step, "step", 5*time.Second, "how long each step of -knee is")
	f.StringVar(&c.profileTo, "profile", "", "write the controller's CPU, allocation, block and mutex profiles of the run into this `folder`; they cost it a little")
	f.BoolVar(&c.json, "json", false, "print JSON")
	f.IntVar(&c.most, "connections", 1024, "at most so many, made as they are needed; 1024 is what a controller takes from one address beyond its machine")
	f.DurationVar(&c.limit, "wait", 5*time.Second, "how long a request waits for its answer, from its moment in the schedule")
	f.StringVar(&c.target, "target", "", "put the load on the controller at this `URL`, in sandbox mode, instead of starting one")
	f.IntVar(&c.server, "server-pid", 0, "the `process` of -target's controller, for its CPU time")
	f.IntVar(&c.data, "postgres-pid", 0, "the first `process` of its PostgreSQL")
	f.StringVar(&c.controller, "controller", "", "start this `binary` instead of building the controller")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if c.from == 0 {
		if c.from = 1000; c.signed {
			c.from = 100
		}
	}
	c.profiled = c.profileTo != ""
	return c, c.check(f.Args())
}

func (c *command) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is no flag; -h lists them", rest[0])
	case c.gaps != poisson && c.gaps != even:
		return fmt.Errorf("-gaps %s: want poisson or even", c.gaps)
	case c.rate < 1 || c.rate > kneeMost || c.from < 1 || c.from > kneeMost:
		return fmt.Errorf("-rate and -from: want 1 to %d a second", kneeMost)
	case c.length < time.Second || c.length > time.Hour || c.step < time.Second || c.step > time.Hour:
		return errors.New("-for and -step: want 1s to 1h")
	case c.limit < time.Second || c.most < 1:
		return errors.New("-wait: want 1s or more; -connections: want 1 or more")
	case c.target != "" && (c.signed || c.profiled):
		return errors.New("-signed and -profile need a controller that is started here: another does not know our key, or where we ask for profiles")
	case c.answers != answerRSA && c.answers != answerP256:
		return fmt.Errorf("-answers %s: want rsa or p256", c.answers)
	case c.answers != answerRSA && !c.signed:
		return errors.New("-answers needs -signed: only signed messages get signed answers")
	case c.profiled && c.knee:
		return errors.New("-profile is of one rate: not with -knee")
	}
	if c.target == "" {
		return nil
	}
	u, err := url.Parse(c.target)
	if err != nil || u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("-target: want http://HOST:PORT")
	}
	c.target = u.Host
	return nil
}

func (c command) runOnce(ctx context.Context, r *rig, out io.Writer) error {
	var during func(context.Context) error
	if c.profiled {
		if err := os.MkdirAll(c.profileTo, 0o755); err != nil {
			return err
		}
		during = func(ctx context.Context) error { return fetchProfiles(ctx, r.house.profile, c.profileTo, c.length) }
	}
	result, err := r.measure(ctx, c.rate, c.length, during)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(out, result)
	}
	fmt.Fprintln(out, r.house.about)
	return result.print(out)
}

func (c command) runKnee(ctx context.Context, r *rig, out io.Writer) error {
	measure := func(rate float64) (report, error) { return r.measure(ctx, rate, c.step, nil) }
	each := func(report) error { return nil }
	if !c.json {
		fmt.Fprintln(out, r.house.about)
		each = stepLines(out)
	}
	found, err := findKnee(c.from, measure, each)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(out, found)
	}
	return found.print(out)
}

func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
