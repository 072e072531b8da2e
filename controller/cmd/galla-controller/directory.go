package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

const (
	// refreshEvery is how often it is asked whether the merchants' data has changed.
	refreshEvery = 2 * time.Second
	// readAnewEvery is how often it is read in any case, for rows that did not come
	// by the administration: another controller's sandbox, or somebody's hand.
	readAnewEvery = time.Minute
)

// directoryRows is where the merchants' data is.
type directoryRows interface {
	Directory(ctx context.Context) (*merchant.Directory, error)
	DirectoryVersion(ctx context.Context) (int64, error)
}

// directory is the merchants' data as it was read last. Read it once, then keep it
// fresh.
type directory struct {
	db  directoryRows
	log *slog.Logger
	now atomic.Pointer[merchant.Directory]

	version int64 // of what was read, or an older one
	readAt  time.Time
}

func (d *directory) get() *merchant.Directory { return d.now.Load() }

// read reads everyone. The version is asked for before that, so that a change
// between the two is read twice rather than not at all.
func (d *directory) read(ctx context.Context) error {
	version, err := d.db.DirectoryVersion(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	dir, err := d.db.Directory(ctx)
	if err != nil {
		return err
	}
	d.now.Store(dir)
	d.version, d.readAt = version, began
	return nil
}

// refresh reads everyone where somebody has changed, or it is long ago.
func (d *directory) refresh(ctx context.Context) error {
	if time.Since(d.readAt) < readAnewEvery {
		version, err := d.db.DirectoryVersion(ctx)
		if err != nil || version == d.version {
			return err
		}
	}
	return d.read(ctx)
}

func (d *directory) keepFresh(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.refresh(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("merchants' data could not be read; the last reading stands", "error", err)
		}
	}
}

// shutOut revokes terminals that are not active any more: they are cut, and
// their credentials are worth nothing, within 5 s of the change.
func (c *controller) shutOut(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	out := map[protocol.Identity]bool{}
	for {
		now := map[protocol.Identity]bool{}
		for _, id := range c.people.get().Inactive() {
			now[id] = out[id]
			if out[id] {
				continue
			}
			if err := c.broker.Revoke(ctx, id); err != nil {
				c.log.Warn("terminal could not be shut out; it is tried again", "terminal", id, "error", err)
				continue
			}
			c.log.Info("terminal shut out", "terminal", id)
			now[id] = true
		}
		out = now
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
