package main

import (
	"errors"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/galla-pay/galla/controller/internal/fx"
)

// fxFlags say where exchange rates come from, and what is put on them.
type fxFlags struct {
	FXURL    string        `name:"fx-url" placeholder:"URL" help:"Read exchange rates here: JSON with base, rates, and timestamp or date. Empty: the sandbox has a table of its own, elsewhere nobody pays in another currency."`
	FXMarkup int64         `name:"fx-markup" default:"0" placeholder:"BP" help:"Put this on every exchange rate: 0 to 10000 basis points."`
	FXEvery  time.Duration `name:"fx-every" default:"1h" help:"Read the exchange rates this often, 1m to 12h. Rates of 24 hours are refused."`
}

// checkFX refuses flags that cannot work. Outside the sandbox rates come over TLS
// alone: who changes a rate on its way changes what customers pay.
func (f fxFlags) checkFX(sandbox bool) error {
	switch {
	case f.FXMarkup < 0 || f.FXMarkup > 10_000:
		return errors.New("--fx-markup: want 0 to 10000 basis points")
	case f.FXEvery < time.Minute || f.FXEvery > 12*time.Hour:
		return errors.New("--fx-every: want 1m to 12h")
	case f.FXURL == "":
		return nil
	}
	u, err := url.Parse(f.FXURL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil, u.Fragment != "":
		return errors.New("--fx-url: want http://HOST or https://HOST, with a path and a query if need be")
	case sandbox || u.Scheme == "https" || u.Hostname() == "localhost":
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return errors.New("--fx-url: outside the sandbox a source beyond this machine needs https://")
	}
	return nil
}

// newFX makes the source of exchange rates. aged is told how old the newest rates
// are and refused that some were not believed; either may be nil.
func (f fxFlags) newFX(sandbox bool, log *slog.Logger, aged func(time.Duration), refused func()) (*fx.Source, error) {
	if err := f.checkFX(sandbox); err != nil {
		return nil, err
	}
	cfg := fx.Config{URL: f.FXURL, Every: f.FXEvery, Markup: f.FXMarkup, Log: log, Aged: aged, Refused: refused}
	if sandbox {
		cfg.Builtin = fx.Sandbox()
	}
	return fx.New(cfg)
}
