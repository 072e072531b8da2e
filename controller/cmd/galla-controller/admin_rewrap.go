package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/seal"
)

// keyRewrap changes the key that seals the database's secrets.
type keyRewrap struct {
	NewSealKeyFile string `required:"" env:"-" placeholder:"FILE" help:"The new sealing key; made, with mode 0600, where it is not there."`
	adminFlags
}

// rewrapped is what the verb prints.
type rewrapped struct {
	SaltKeys int  `json:"saltKeys"`
	Secrets  int  `json:"secrets"`
	Already  bool `json:"already"`
	// OldKeyFile and NewKeyFile are to be swapped by whoever runs the controllers.
	OldKeyFile string `json:"oldKeyFile"`
	NewKeyFile string `json:"newKeyFile"`
}

func (c keyRewrap) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "key", "", func(d *desk) error {
		from, err := seal.OpenOrCreate(c.keyFile())
		if err != nil {
			return err
		}
		to, err := seal.OpenOrCreate(c.NewSealKeyFile)
		if err != nil {
			return fmt.Errorf("--new-seal-key-file: %w", err)
		}
		if keyID(from, to) {
			return &CodedError{Code: exitUsage, Err: errors.New("--new-seal-key-file: this is the key that is in use")}
		}
		if err := d.Note(ctx, d.by, "key.rewrap", "database", nil); err != nil {
			return err
		}
		done, err := d.db.Rewrap(ctx, to)
		if err != nil {
			return fmt.Errorf("not done, and no secret is lost; run it again: %w", err)
		}
		fmt.Fprintf(d.talk, `Every secret in the database is sealed by %[2]s now; %[1]s opens none of them.
Do this next, on every machine that a controller runs on:
  1. mv %[1]s %[1]s.old
  2. mv %[2]s %[1]s        (or copy it there, mode 0600)
  3. restart the controller.
A running controller serves on with what it has read, but sees no change until then.
Keep %[1]s.old with the backups that were made before: nothing else opens them.
`, c.keyFile(), c.NewSealKeyFile)
		return d.out.one(rewrapped{done.SaltKeys, done.Secrets, done.Already, c.keyFile(), c.NewSealKeyFile})
	})
}

// keyID reports whether two boxes have the same key: one opens what the other
// seals.
func keyID(a, b *seal.Box) bool {
	opened, err := b.Open("probe", a.Seal("probe", []byte("probe")))
	return err == nil && bytes.Equal(opened, []byte("probe"))
}

// keyFile is the file of the sealing key, as open has it.
func (f databaseFlags) keyFile() string {
	if f.SealKeyFile != "" {
		return f.SealKeyFile
	}
	if path, isSQLite := strings.CutPrefix(f.Database, "sqlite:"); isSQLite {
		return path + ".key"
	}
	return "galla.key"
}
