// Command load puts the load of a whole fleet on a controller and says what came
// of it:
//
//	go run ./hack/load upi -rate 10000 -for 20s
//	go run ./hack/load upi -knee
//
// Each kind of load is a package below this one with one function Run, which reads
// its own flags (-h lists them), starts the servers it needs unless it is given
// some, prints to out, and returns when ctx ends with everything stopped that it
// started. Nothing that is shipped imports them.
//
// The exit code is 0 also when a goal was missed, for that is a finding; it is 1
// when nothing could be measured, and 2 where no such command is known.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/galla-pay/galla/hack/load/crowd"
	"github.com/galla-pay/galla/hack/load/growth"
	"github.com/galla-pay/galla/hack/load/idle"
	"github.com/galla-pay/galla/hack/load/upi"
)

// command is one kind of load.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"upi", "ReqValQr and ReqPay at a fixed rate, whatever the answers take", upi.Run},
		{"terminals", "ten thousand terminals: connect storm, sales spread over them, reconnect herd", crowd.Run},
		{"payments", "millions of payments in the tables, and what one more costs then", growth.Run},
		{"idle", "what a controller and a terminal cost while nobody buys anything", idle.Run},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process.
func run(ctx context.Context, args []string, out, errs io.Writer) (code int) {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name != args[0] {
				continue
			}
			err := c.run(ctx, args[1:], out)
			switch {
			case err == nil, errors.Is(err, flag.ErrHelp):
				return 0
			case errors.Is(err, context.Canceled) && ctx.Err() != nil:
				fmt.Fprintln(errs, "load: stopped")
				return 1
			}
			fmt.Fprintln(errs, "load "+c.name+":", err)
			return 1
		}
	}
	switch {
	case len(args) == 0:
		code = 2
	case args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help":
		errs = out
	default:
		fmt.Fprintf(errs, "load: there is no %q\n\n", args[0])
		code = 2
	}
	fmt.Fprint(errs, "Usage: go run ./hack/load COMMAND [flags]; COMMAND -h lists its flags.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(errs, "  %-10s %s\n", c.name, c.about)
	}
	return code
}
