package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

type cardCommand struct {
	Listen       string        `default:"127.0.0.1:9100" placeholder:"HOST:PORT" help:"Where a terminal connects to the reader (${default})."`
	Serial       string        `placeholder:"PATH" help:"A serial line to a terminal, instead of --listen: /dev/ttyUSB0."`
	Baud         int           `default:"115200" placeholder:"N" help:"The speed of --serial (${default})."`
	Http         string        `name:"http" default:"127.0.0.1:8091" placeholder:"HOST:PORT" help:"Where cards are held to the reader (${default})."`
	Data         string        `placeholder:"DIR" help:"Where the reader keeps its ledger. Without it the ledger is forgotten at the end."`
	ReverseAfter time.Duration `default:"2m" placeholder:"TIME" help:"After this long an approval that no terminal has taken note of is given back; 0: never (${default})."`
}

// readerFile is the reader's ledger in --data.
const readerFile = "card-reader.jsonl"

// Help is printed below the flags.
func (cardCommand) Help() string {
	return `A certified card reader as a terminal's driver sees it (protocol/cardlink): it gets an amount
and a reference, and keeps everything about the card to itself. In a terminal's configuration:
  [card]
  reader = "tcp://127.0.0.1:9100"

Served at --http:
  POST /card/{approve|decline|timeout|late|remove|reverse}, or /{approve|...}
                    a card on the reader; with a form or JSON, if wanted: last4, network, type,
                    delayMillis (how long the bank thinks), holdMillis (how long the card is held)
  GET  /card        what the reader does and has read

timeout: the bank never answers. late: it approves after the reader gave up. remove: the card is
taken out, before the bank is asked if there was none in the reader. reverse: it is approved, the
terminal does not hear of it, and the reader gives the money back.

Examples:
  galla-sim card
  galla-sim card --serial /dev/ttyUSB0 --data ./reader
  curl -X POST http://127.0.0.1:8091/approve
  curl -d last4=0042 -d delayMillis=3000 http://127.0.0.1:8091/card/approve`
}

// Run runs the reader until ctx ends.
func (c *cardCommand) Run(ctx context.Context, talk console) error {
	cfg := card.Config{ReverseAfter: c.ReverseAfter}
	if c.ReverseAfter < 0 {
		return usage("--reverse-after %v: it must not be below nothing", c.ReverseAfter)
	}
	if c.Data != "" {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return usage("--data %s: %v", c.Data, err)
		}
		cfg.File = filepath.Join(c.Data, readerFile)
	}
	reader, err := card.Open(cfg)
	if err != nil {
		return err
	}
	page, err := net.Listen("tcp", c.Http)
	if err != nil {
		return usage("--http %s: %v", c.Http, err)
	}
	defer page.Close()
	serve, where, err := c.line(reader, talk)
	if err != nil {
		return err
	}
	base := "http://" + page.Addr().String()
	fmt.Fprintf(talk.out, "card reader\n  line     %s\n  cards    %s/card\n", where, base)

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var lineErr error
	var all sync.WaitGroup
	all.Go(func() {
		defer stop()
		lineErr = serve(ctx)
	})
	err = web.Serve(ctx, page, reader.Handler())
	stop()
	all.Wait()
	return errors.Join(err, lineErr)
}

// line is what talks to the terminal, and where.
func (c *cardCommand) line(reader *card.Reader, talk console) (serve func(context.Context) error, where string, err error) {
	if c.Serial != "" {
		open, err := cardlink.Port(c.Serial, c.Baud)
		if err != nil {
			return nil, "", usage("--baud: %v", err)
		}
		log := slog.New(slog.NewTextHandler(talk.err, nil))
		return func(ctx context.Context) error { return reader.ServeLine(ctx, open, log) }, c.Serial, nil
	}
	listener, err := listenAt(c.Listen)
	if err != nil {
		return nil, "", err
	}
	return func(ctx context.Context) error { return reader.Serve(ctx, listener) }, "tcp://" + listener.Addr().String(), nil
}
