package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

type npciCommand struct {
	Serve     npciServeCommand `cmd:"" default:"withargs" help:"Serve the network (what npci alone does)."`
	Reconcile reconcileCommand `cmd:"" help:"Lay the network's books beside the controller's."`
}

// Help is printed below the commands.
func (npciCommand) Help() string {
	return `galla-sim npci is galla-sim npci serve, and has its flags.

Examples:
  galla-sim npci
  galla-sim npci serve --help
  galla-sim npci reconcile`
}

type npciServeCommand struct {
	Listen     string   `default:"127.0.0.1:8075" placeholder:"HOST:PORT" help:"Where the network is served (${default}); the controller's --upi-network."`
	Controller string   `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The controller (${default})."`
	Org        string   `default:"MER101" placeholder:"ID" help:"The controller's organisation (${default})."`
	Payer      []string `sep:"none" placeholder:"ADDRESS=DO" help:"How a payer behaves, as below; * is everyone else. May be given several times."`
	SignCert   string   `placeholder:"FILE" help:"Sign with --sign-key; its certificate (PEM), as the controller has it registered. Without it nothing is signed, which the sandbox allows."`
	SignKey    string   `placeholder:"FILE" help:"An RSA key (PEM)."`
	Ledger     string   `placeholder:"FILE" help:"Keep the books in this file, each line on the disk before anybody is answered; a killed network goes on with it. Without it they are in memory."`
	Dialect    string   `default:"prd" enum:"prd,npci" placeholder:"NAME" help:"How customers' messages are sent on: prd, or npci for NPCI's own (${default})."`
	Verify     bool     `help:"Believe the controller's answers to ReqValQr, ReqPay and ReqChkTxn only when it has signed them."`
	Verbose    bool     `short:"v" help:"Log every message, on standard error."`
}

// Help is printed below the flags.
func (npciServeCommand) Help() string {
	return `The UPI network and the banks behind it: takes the controller's collect requests, refunds and
questions, and tells it how a collect request ended. What the controller sends must be signed by it.

A payer does one of
  accept   pays                       decline  says no
  late     pays when it is over       ignore   never answers
  wait     is driven by hand          unknown  is not there (U17)
and, after it, ,after=2s for how long after, and ,refund=moved|silent|pending|fail for his refunds.
Known are accept@upi, decline@upi, ignore@upi, late@upi, unknown@upi, silent-refund@upi,
pending-refund@upi and fail-refund@upi; everyone else waits.

Customers' apps pay through it: what they send to /api/v1/dynamic-qr/validate, pay and check it sends
on to the controller, and while a payment's answer is lost it asks ReqChkTxn. So phone pay --upi may
name the network. Its books have what every customer was debited and has back.

  GET  /ledger                        the books, as JSON
  POST /reconcile                     what the controller does not say alike, as JSON
  POST /collects/{txnId}/accept       the payer pays; or /decline
  PUT  /behaviours/{payer}            {"do": "late", "afterMillis": 20000, "refund": "silent"}

Examples:
  galla-sim npci
  galla-sim npci --listen 127.0.0.1:8075 --controller http://127.0.0.1:8080 -v
  galla-sim npci --ledger ./npci.jsonl
  galla-sim npci --payer 'testvpa@ybl=accept,after=2s' --payer '*=decline'
  galla-sim npci reconcile`
}

// Run serves the network until ctx ends.
func (c *npciServeCommand) Run(ctx context.Context, talk console) (err error) {
	cfg, err := c.config(talk)
	if err != nil {
		return err
	}
	if c.Ledger != "" {
		if cfg.Books, err = npci.OpenBooks(c.Ledger); err != nil {
			return usage("--ledger: %v", err)
		}
		defer func() { err = errors.Join(err, cfg.Books.Close()) }()
	}
	listener, err := listenAt(c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	network, err := npci.NewNetwork(cfg)
	if err != nil {
		return err
	}
	defer network.Close()
	base := "http://" + listener.Addr().String()
	fmt.Fprintf(talk.out, "npci for %s\n  network  %s\n  ledger   %s/ledger\n", cfg.Controller, base, base)
	return web.Serve(ctx, listener, network.Handler())
}

func (c *npciServeCommand) config(talk console) (npci.NetworkConfig, error) {
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	cfg := npci.NetworkConfig{
		Controller: strings.TrimRight(c.Controller, "/"), OrgID: c.Org, Verify: c.Verify, Behaviours: map[string]npci.Behaviour{},
		Log: slog.New(slog.NewTextHandler(talk.err, &slog.HandlerOptions{Level: level})),
	}
	if err := checkURL("--controller", c.Controller, "http", "https"); err != nil {
		return cfg, err
	}
	if c.Dialect == string(npci.DialectNPCI) {
		cfg.Dialect = npci.DialectNPCI
	}
	for _, text := range c.Payer {
		payer, b, err := readPayer(text)
		if err != nil {
			return cfg, err
		}
		cfg.Behaviours[payer] = b
	}
	if (c.SignCert == "") != (c.SignKey == "") {
		return cfg, usage("--sign-cert and --sign-key need each other")
	}
	var err error
	if c.SignKey != "" {
		if cfg.Key, cfg.Cert, err = readPair(c.SignCert, c.SignKey); err != nil {
			return cfg, usage("--sign-cert, --sign-key: %v", err)
		}
	}
	return cfg, nil
}

// readPayer reads ADDRESS=DO[,after=TIME][,refund=WHAT].
func readPayer(text string) (payer string, b npci.Behaviour, err error) {
	payer, rest, ok := strings.Cut(text, "=")
	parts := strings.Split(rest, ",")
	if !ok || payer == "" {
		return "", b, usage("--payer %q: it must be ADDRESS=DO", text)
	}
	b.Do = parts[0]
	if known := []string{npci.DoAccept, npci.DoDecline, npci.DoIgnore, npci.DoLate, npci.DoWait, npci.DoUnknown}; !slices.Contains(known, b.Do) {
		return "", b, usage("--payer %q: a payer does %s", text, strings.Join(known, ", "))
	}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "after":
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 || d > time.Hour {
				return "", b, usage("--payer %q: after is a time up to 1h, like 2s", text)
			}
			b.AfterMillis = d.Milliseconds()
		case "refund":
			known := []string{npci.RefundMoved, npci.RefundSilent, npci.RefundPending, npci.RefundFails}
			if !slices.Contains(known, value) {
				return "", b, usage("--payer %q: a refund is %s", text, strings.Join(known, ", "))
			}
			b.Refund = value
		default:
			return "", b, usage("--payer %q: %q is neither after nor refund", text, name)
		}
	}
	return payer, b, nil
}

// readPair reads a key and its certificate.
func readPair(certFile, keyFile string) (crypto.Signer, *x509.Certificate, error) {
	var blocks [2]*pem.Block
	for i, file := range []string{certFile, keyFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		if blocks[i], _ = pem.Decode(text); blocks[i] == nil {
			return nil, nil, fmt.Errorf("%s is not PEM", file)
		}
	}
	cert, err := x509.ParseCertificate(blocks[0].Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is no certificate", certFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(blocks[1].Bytes)
	if err != nil {
		if parsed, err = x509.ParsePKCS1PrivateKey(blocks[1].Bytes); err != nil {
			return nil, nil, fmt.Errorf("%s is no RSA key", keyFile)
		}
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, errors.New("the certificate is not that of an RSA key in the other file")
	}
	return key, cert, nil
}
