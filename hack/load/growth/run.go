package growth

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

// options are what is to be measured.
type options struct {
	payments, base int
	months         int
	rounds         int
	controller     string // an executable; "" builds it
	data           string // a folder that stays; "" is one that goes
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("payments", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.IntVar(&o.payments, "payments", 1_000_000, "payments in the large database; one takes about 5 kB of disk, and 1 GB is for the log")
	flags.IntVar(&o.base, "base", 10_000, "payments in the small database")
	flags.IntVar(&o.months, "months", 12, "months that they are spread over")
	flags.IntVar(&o.rounds, "rounds", 300, "how often each thing is asked for in each database; 0 only fills them")
	flags.StringVar(&o.data, "data", "", "a folder for the two databases, which stay there: they are filled by the first run, and measured by each; default: they go with it")
	flags.StringVar(&o.controller, "controller", "", "the controller's executable; default: it is built")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.base < 1000 || o.payments < o.base:
		return o, errors.New("-base is 1000 at least, -payments not below it")
	case o.months < 1 || o.months > 120:
		return o, errors.New("-months is 1 to 120")
	case o.rounds == 0 && o.data == "":
		return o, errors.New("-rounds 0 fills a folder: say -data DIR")
	case o.rounds != 0 && o.rounds < 10 || o.rounds > 100_000:
		return o, errors.New("-rounds is 10 to 100000, or 0")
	}
	return o, nil
}

// Run fills, measures and prints. It returns an error where nothing could be
// measured, and when ctx ends.
func Run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	h, err := openHouse(ctx, o)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.fill(ctx, out); err != nil {
		return err
	}
	if o.rounds == 0 {
		return nil
	}
	if err := h.serve(ctx); err != nil {
		return err
	}
	if err := h.compare(ctx, out, o.rounds); err != nil {
		return err
	}
	return h.sites[1].sizes(ctx, out)
}
