// Command galla-agent is the program of a terminal: it reads one file, opens the
// hardware through periph's registries, and runs package agent until it is told
// to stop. It decides nothing itself.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build: -ldflags "-X main.version=...".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command{
		stdout: os.Stdout, stderr: os.Stderr,
		host:    periphHost{},
		colour:  os.Getenv("NO_COLOR") == "" && isTerminal(os.Stdout),
		hangups: hangups,
		environ: os.Getenv,
	}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// hangups tells of SIGHUP: the program on the disk is a new one, restart when
// nobody is in the middle of a payment.
func hangups(ctx context.Context) <-chan struct{} {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	asked := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-heard:
			}
			select {
			case asked <- struct{}{}:
			default: // it was asked for already
			}
		}
	}()
	return asked
}

// isTerminal reports whether somebody looks at what is written there.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
