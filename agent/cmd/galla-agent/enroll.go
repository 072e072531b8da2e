package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/protocol"
)

// enrollFlags are those of galla-agent enroll.
type enrollFlags struct {
	Code       string `required:"" placeholder:"CODE" help:"The code that the operator reads out, such as K7QP-3XMD-9RTV: galla-controller terminal enrol-code makes it."`
	Controller string `required:"" placeholder:"https://HOST" help:"The controller."`

	Config  string `xor:"where" required:"" placeholder:"FILE" type:"path" help:"The terminal's configuration file. The code must be for the terminal that it names."`
	DataDir string `xor:"where" required:"" placeholder:"DIR" type:"path" help:"Where keys and token live, instead of what a configuration file says."`

	CA       string   `name:"ca" placeholder:"FILE" type:"path" help:"Believe servers whose certificate comes from this authority (PEM), and no others. Kept for brokers."`
	Pin      []string `placeholder:"sha256/BASE64" sep:"none" help:"Believe servers with this public key, whatever else their certificate says; with --ca, besides it. May be given more than once. Kept for brokers."`
	TLSCert  string   `name:"tls-cert" placeholder:"FILE" type:"path" help:"The terminal's own certificate (PEM), for servers that want one. Read for every connection."`
	TLSKey   string   `name:"tls-key" placeholder:"FILE" type:"path" help:"Its key (PEM)."`
	Insecure bool     `help:"Send code and token in the clear, where the controller is http:// and not on this machine."`
	JSON     bool     `name:"json" help:"Print one object: terminal, key, brokers and dataDir; or error with code and message."`
}

// enrolled is what is printed of an enrolment. It holds no secret.
type enrolled struct {
	Terminal protocol.Identity `json:"terminal"`
	Key      string            `json:"key"` // id of the device's public key
	Brokers  []string          `json:"brokers"`
	DataDir  string            `json:"dataDir"`
}

// enroll is the verb. Its answer goes to standard output; with --json an error
// does too.
func (c command) enroll(ctx context.Context, f enrollFlags) int {
	credentials, dir, usage, err := f.run(ctx, c)
	if err != nil {
		if f.JSON {
			c.failure(err)
		}
		if usage {
			return c.fail(exitUsage, err)
		}
		return c.fail(exitError, err)
	}
	done := enrolled{Terminal: credentials.Identity, Key: credentials.KeyID(), Brokers: credentials.Brokers, DataDir: dir}
	for _, b := range done.Brokers {
		if open(b) {
			fmt.Fprintf(c.stderr, "galla-agent: warning: the broker %s is not encrypted: everybody on the way can read the terminal's token\n", b)
		}
	}
	if f.JSON {
		_ = json.NewEncoder(c.stdout).Encode(done)
		return exitGood
	}
	fmt.Fprintf(c.stdout, "Enrolled as %s, key %s.\nIts broker is %s.\nCredentials are in %s; restart galla-agent where it runs.\n",
		strings.ReplaceAll(done.Terminal.String(), ".", "/"), done.Key, strings.Join(done.Brokers, " or "), dir)
	return exitGood
}

// run enrols. usage says that err is about how it was called.
func (f enrollFlags) run(ctx context.Context, c command) (credentials *identity.Credentials, dir string, usage bool, err error) {
	e := identity.CodeEnroller{
		Controller: f.Controller,
		Dial:       (&net.Dialer{}).DialContext,
		Log:        c.logger("text", false),
	}
	if e.Code, err = protocol.ParseEnrolCode(f.Code); err != nil {
		return nil, "", true, fmt.Errorf("--code: %w", err)
	}
	if err := identity.CheckController(f.Controller); err != nil {
		return nil, "", true, fmt.Errorf("--controller: %w", err)
	}
	if err := identity.CheckPrivate(f.Controller); err != nil && !f.Insecure {
		return nil, "", true, fmt.Errorf("--controller: %w", err)
	}
	if e.Transport, err = f.transport(); err != nil {
		return nil, "", true, err
	}
	dir = f.DataDir
	keep := identity.Options{}
	if f.Config != "" {
		cfg, err := readConfig(f.Config)
		if err != nil {
			return nil, "", true, err
		}
		dir, keep.KeyFile, e.Want = cfg.DataDir, cfg.KeyFile, cfg.agent().Identity
	}
	keep.Dir = dir
	if e.Store, err = identity.Open(keep); err != nil {
		return nil, "", false, err
	}
	credentials, err = e.Run(ctx)
	return credentials, dir, false, err
}

// transport is whom to believe, checked.
func (f enrollFlags) transport() (identity.Transport, error) {
	t := identity.Transport{Pins: f.Pin}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return t, fmt.Errorf("--ca: %w", err)
		}
		t.CA = string(text)
	}
	var err error
	for _, file := range []struct {
		name string
		into *string
	}{{f.TLSCert, &t.CertFile}, {f.TLSKey, &t.KeyFile}} {
		if file.name == "" {
			continue
		}
		if *file.into, err = filepath.Abs(file.name); err != nil {
			return t, err
		}
	}
	return t, t.Check()
}

// failure prints an error as an object. Its code is the controller's, or what of
// this program comes nearest.
func (c command) failure(err error) {
	code := "FAILED"
	var refused *identity.CodeRefused
	var refusal *identity.Refusal
	var untrusted *identity.Untrusted
	switch {
	case errors.As(err, &refused):
		code = refused.Code
	case errors.As(err, &refusal):
		code = refusal.Code
	case errors.As(err, &untrusted):
		code = "UNTRUSTED"
	}
	type answer struct {
		Error protocol.EnrolError `json:"error"`
	}
	_ = json.NewEncoder(c.stdout).Encode(answer{protocol.EnrolError{Code: code, Message: err.Error()}})
}

// open reports whether a broker's connection can be read on the way.
func open(broker string) bool {
	u, err := url.Parse(broker)
	return err == nil && u.Scheme == "mqtt" && identity.CheckPrivate("http://"+u.Host) != nil
}
