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
	code := command{stdout: os.Stdout, stderr: os.Stderr, open: openHardware}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
