package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
)

// testFile is written, read and removed by the self-test. A power cut may leave it;
// the next test begins it anew.
const testFile = "selftest.tmp"

// The years that a wall clock may show. One that has lost its battery begins in
// 1970 or 2000; certificates are not made for the years after.
const (
	firstYear = 2026
	lastYear  = 2056
)

// selfTest looks at the parts that the machine has no other word of, beside the
// event loop: a bad disk takes its time.
func (t *terminal) selfTest(run int) {
	if t.second == nil {
		t.do(machine.Tested{Run: run, Check: machine.CheckCompanion, Finding: machine.FindingAbsent})
	}
	wall, dir := time.Now, t.cfg.DataDir
	if t.cfg.Wall != nil {
		wall = t.cfg.Wall
	}
	log := t.cfg.Log
	t.spawn(func(ctx context.Context) {
		tell := func(c machine.Check, f machine.Finding) {
			log.Info("self-test", "check", c, "finding", f)
			select {
			case t.tested <- machine.Tested{Run: run, Check: c, Finding: f}:
			case <-ctx.Done():
			}
		}
		clock := machine.FindingOK
		if year := wall().Year(); year < firstYear || year > lastYear {
			clock = machine.FindingFailed
		}
		tell(machine.CheckClock, clock)
		storage := machine.FindingOK
		if dir == "" {
			storage = machine.FindingAbsent
		} else if err := tryDisk(dir); err != nil {
			log.Error("self-test: the disk", "err", err)
			storage = machine.FindingFailed
		}
		tell(machine.CheckStorage, storage)
	})
}

var errReadsOther = errors.New("what was written is not what is read")

// tryDisk writes a file to the disk and reads it back.
func tryDisk(dir string) error {
	path := filepath.Join(dir, testFile)
	wrote := []byte(rand.Text())
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(wrote)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		var read []byte
		if read, err = os.ReadFile(path); err == nil && !bytes.Equal(read, wrote) {
			err = errReadsOther
		}
	}
	return errors.Join(err, os.Remove(path))
}

// companionDrew takes the companion's answer, which a self-test waits for.
func (t *terminal) companionDrew(ev machine.Event) {
	of, drawn := t.second.shown, t.second.answered(ev)
	if of.sweep == 0 || of.sweep != t.m.Tests {
		t.flush()
		return
	}
	finding := machine.FindingFailed
	if drawn {
		finding = machine.FindingOK
	}
	t.step(machine.Tested{Run: of.sweep, Check: machine.CheckCompanion, Finding: finding})
}

// fit is whether the panel has room for a QR.
type fit struct {
	qr    string
	unfit bool
}

// unfit reports whether the panel cannot carry the QR of a sale: then it is taken by
// card alone, or refused before anybody is asked about it.
func (t *terminal) unfit(s *protocol.Sale) bool {
	if s == nil || s.QR == "" {
		return false
	}
	if t.fits.qr != s.QR {
		t.fits = fit{qr: s.QR, unfit: errors.Is(t.painter.begin(s.QR, t.spawn), screen.ErrQRDoesNotFit)}
	}
	return t.fits.unfit
}
