package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// terminalName is MERCHANT/STORE/TERMINAL on the command line, or the same with
// dots, as logs and configuration files write it.
type terminalName struct{ protocol.Identity }

// UnmarshalText reads it.
func (n *terminalName) UnmarshalText(text []byte) error {
	if err := n.Identity.UnmarshalText([]byte(strings.ReplaceAll(string(text), "/", "."))); err != nil {
		return errors.New("want MERCHANT/STORE/TERMINAL, each of letters, digits, _ and -")
	}
	return nil
}

// String is how it is written here.
func (n terminalName) String() string {
	return n.MerchantID + "/" + n.StoreID + "/" + n.TerminalID
}

// terminalEnrolCode makes an enrolment code.
type terminalEnrolCode struct {
	databaseFlags
	Terminal terminalName `arg:"" placeholder:"MERCHANT/STORE/TERMINAL" help:"The terminal that one device may become with the code."`
	JSON     bool         `name:"json" help:"Print an object with terminal, code and expiresAt."`
}

// Run makes the code and prints it, which is the only time that it is shown.
func (v terminalEnrolCode) Run(ctx context.Context, out io.Writer) error {
	return v.register(ctx, "terminal.enrolment-code", v.Terminal, func(r *enrol.Registrar) error {
		code, expires, err := r.NewCode(ctx, v.Terminal.Identity, cliActor().Actor)
		if err != nil {
			return named(err, v.Terminal)
		}
		if v.JSON {
			return json.NewEncoder(out).Encode(map[string]string{
				"terminal": v.Terminal.String(), "code": code, "expiresAt": expires.UTC().Format(time.RFC3339),
			})
		}
		_, err = fmt.Fprintf(out, `%s

Good for %s, once, until %s. On the device:
  galla-agent enroll --code %s --controller https://HOST
`, code, v.Terminal, expires.Local().Format("15:04:05"), code)
		return err
	})
}

// terminalRevoke takes a terminal's credentials away.
type terminalRevoke struct {
	databaseFlags
	Terminal terminalName `arg:"" placeholder:"MERCHANT/STORE/TERMINAL" help:"The terminal to shut out."`
	JSON     bool         `name:"json" help:"Print an object with terminal and revoked."`
}

// Run takes them away. The controllers that run on the database cut the
// connection.
func (v terminalRevoke) Run(ctx context.Context, out io.Writer) error {
	return v.register(ctx, "terminal.revoke", v.Terminal, func(r *enrol.Registrar) error {
		if err := r.Unenrol(ctx, v.Terminal.Identity, cliActor().Actor); err != nil {
			return named(err, v.Terminal)
		}
		if v.JSON {
			return json.NewEncoder(out).Encode(map[string]any{"terminal": v.Terminal.String(), "revoked": true})
		}
		_, err := fmt.Fprintf(out, "%s is shut out; running controllers cut its connection within %d seconds.\n",
			v.Terminal, int(enrol.Within/time.Second))
		return err
	})
}

// register does something to a terminal with a registrar of the database, with
// its line in the audit log before. It neither migrates nor makes a database.
func (f databaseFlags) register(ctx context.Context, action string, terminal terminalName, do func(*enrol.Registrar) error) error {
	if path, isSQLite := strings.CutPrefix(f.Database, "sqlite:"); isSQLite && path != "" {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("--database: %w", err)
		}
	}
	log := slog.New(slog.DiscardHandler) // what happened is printed
	db, _, err := f.open(ctx, log)
	if err != nil {
		return err
	}
	r, err := newRegistrar(ctx, db, nil, log)
	if err == nil {
		err = admin.NewService(db).Note(ctx, cliActor(), action, terminal.String(), nil)
	}
	if err == nil {
		err = do(r)
	}
	return errors.Join(err, db.Close())
}

// newRegistrar makes the registrar of a database; broker is nil where none runs
// in this process.
func newRegistrar(ctx context.Context, db storage, broker enrol.Broker, log *slog.Logger) (*enrol.Registrar, error) {
	key, err := enrol.LoadKey(ctx, db)
	if err != nil {
		return nil, err
	}
	return &enrol.Registrar{Storage: db, Key: key, Broker: broker, Log: log}, nil
}

// named says which terminal there is not, as it was typed.
func named(err error, t terminalName) error {
	if errors.Is(err, enrol.ErrNoTerminal) || errors.Is(err, journal.ErrNotFound) {
		return fmt.Errorf("there is no terminal %s, or it is not active", t)
	}
	return err
}
