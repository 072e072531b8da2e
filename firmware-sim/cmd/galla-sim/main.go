// Command galla-sim is Galla without hardware, bank or shop: a payment terminal
// in a browser, a customer's phone, and a demo of all of it together. It owns
// flags, exit codes and what is printed; the work is in packages terminal,
// phone and demo. It never touches the controller but over HTTP and MQTT.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by -ldflags "-X main.version=...".
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Whoever asks twice is not made to wait for an orderly end.
	context.AfterFunc(ctx, stop)
	code := Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
