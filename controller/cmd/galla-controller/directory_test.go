package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/merchant"
)

// counted is merchants' data that counts how often it is read.
type counted struct {
	version       int64
	asked, read   int
	fail          error
	beforeReading func()
}

func (r *counted) DirectoryVersion(context.Context) (int64, error) {
	r.asked++
	return r.version, r.fail
}

func (r *counted) Directory(context.Context) (*merchant.Directory, error) {
	if r.beforeReading != nil {
		r.beforeReading()
	}
	r.read++
	return merchant.New(merchant.Data{Merchants: []merchant.Merchant{{ID: "M", MCC: string(rune('0' + r.version))}}}), r.fail
}

// TestDirectoryIsReadWhenItChanged: within two seconds of a change everybody has it,
// and what has not changed is read once a minute only, however many terminals it
// holds.
func TestDirectoryIsReadWhenItChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &counted{version: 1}
		d := &directory{db: db, log: slog.New(slog.DiscardHandler)}
		if err := d.read(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.keepFresh(ctx)
		pass := func(span time.Duration) {
			time.Sleep(span) // of the bubble
			synctest.Wait()
		}
		wants := func(version string, read int) {
			t.Helper()
			if m, _ := d.get().Merchant("M"); m.MCC != version || db.read != read {
				t.Errorf("version %s after %d readings, want %s after %d", m.MCC, db.read, version, read)
			}
		}
		pass(50 * time.Second)
		wants("1", 1)
		if db.asked < 25 {
			t.Errorf("asked %d times in 50 s", db.asked)
		}
		db.version = 2
		pass(refreshEvery)
		wants("2", 2)
		// A change while it is read is found the next time.
		db.version = 3
		db.beforeReading = func() { db.version, db.beforeReading = 4, nil }
		pass(refreshEvery)
		wants("4", 3)
		pass(refreshEvery)
		wants("4", 4)
		// A database that is away costs nobody what is known.
		db.version, db.fail = 5, errors.New("away")
		pass(10 * time.Second)
		wants("4", 4)
		db.fail = nil
		pass(refreshEvery)
		wants("5", 5)
		pass(readAnewEvery + refreshEvery)
		wants("5", 6)
	})
}
