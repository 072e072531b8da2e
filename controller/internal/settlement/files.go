package settlement

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Sum is what the lines of a file come to.
type Sum struct {
	MerchantID              string
	File                    string // its path; "" where the lines went elsewhere
	Sales, Refunds          int64
	Amount, Fee, Settlement protocol.Paise
}

// add adds a line, or returns protocol.ErrPaiseOverflow.
func (s *Sum) add(l Line) (err error) {
	if l.Kind == Refund {
		s.Refunds++
	} else {
		s.Sales++
	}
	for _, to := range []struct {
		sum  *protocol.Paise
		more protocol.Paise
	}{{&s.Amount, l.Amount}, {&s.Fee, l.Fee}, {&s.Settlement, l.Settlement}} {
		if *to.sum, err = to.sum.Add(to.more); err != nil {
			return err
		}
	}
	return nil
}

// Total is what several sums come to, or protocol.ErrPaiseOverflow.
func Total(sums []Sum) (total Sum, err error) {
	for _, s := range sums {
		total.Sales, total.Refunds = total.Sales+s.Sales, total.Refunds+s.Refunds
		for _, to := range []struct {
			sum  *protocol.Paise
			more protocol.Paise
		}{{&total.Amount, s.Amount}, {&total.Fee, s.Fee}, {&total.Settlement, s.Settlement}} {
			if *to.sum, err = to.sum.Add(to.more); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// Writer takes the payments of a day, merchant by merchant. Close must be called
// in the end, whatever happened.
type Writer struct {
	day     Day
	mcc     func(merchantID string) string
	dir     string // "": all goes to one
	suffix  string
	out     *csv.Writer
	file    *os.File // under a name of its own, until all is well
	buffer  *bufio.Writer
	sums    []Sum
	waiting []rename
}

type rename struct{ from, to string }

// NewFiles writes a file for each merchant into a directory that is there:
// settlement-MERCHANT-2026-11-21.csv, or .partial.csv where the day is not over.
// mcc is a merchant's category. Nothing is to be seen of them before Commit.
func NewFiles(dir string, day Day, partial bool, mcc func(merchantID string) string) *Writer {
	suffix := ".csv"
	if partial {
		suffix = ".partial.csv"
	}
	return &Writer{day: day, mcc: mcc, dir: dir, suffix: suffix}
}

// NewStream writes the lines of all merchants to one place, under one header.
func NewStream(to io.Writer, day Day, mcc func(merchantID string) string) (*Writer, error) {
	w := &Writer{day: day, mcc: mcc, out: csv.NewWriter(to)}
	return w, w.out.Write(Header())
}

// Merchant begins the file of a merchant, also where no payment follows. The
// merchant must not have had one before.
func (w *Writer) Merchant(merchantID string) error {
	if w.dir != "" {
		if err := w.finish(); err != nil {
			return err
		}
		// Its name becomes a part of a path.
		if !protocol.ValidID(merchantID, protocol.MaxIDLength) {
			return fmt.Errorf("merchant %q cannot be the name of a file", merchantID)
		}
		to := filepath.Join(w.dir, "settlement-"+merchantID+"-"+w.day.String()+w.suffix)
		var err error
		if w.file, err = os.CreateTemp(w.dir, ".settlement-*"); err != nil {
			return err
		}
		w.waiting = append(w.waiting, rename{w.file.Name(), to})
		w.buffer = bufio.NewWriterSize(w.file, 64<<10)
		w.out = csv.NewWriter(w.buffer)
		if err := w.out.Write(Header()); err != nil {
			return err
		}
		w.sums = append(w.sums, Sum{MerchantID: merchantID, File: to})
		return nil
	}
	w.sums = append(w.sums, Sum{MerchantID: merchantID})
	return nil
}

// Payment takes the next payment. The merchants' follow each other; it begins
// their files.
func (w *Writer) Payment(p payment.Payment) error {
	if len(w.sums) == 0 || w.sums[len(w.sums)-1].MerchantID != p.MerchantID {
		if err := w.Merchant(p.MerchantID); err != nil {
			return err
		}
	}
	line := LineOf(p, w.mcc(p.MerchantID))
	if err := w.sums[len(w.sums)-1].add(line); err != nil {
		return err
	}
	return w.out.Write(line.Fields())
}

// finish ends the file that is being written: all of it is on the disk then.
func (w *Writer) finish() error {
	if w.out == nil {
		return nil
	}
	w.out.Flush()
	err := w.out.Error()
	if w.file != nil {
		err = errors.Join(err, w.buffer.Flush(), w.file.Sync(), w.file.Close())
	}
	w.out, w.file, w.buffer = nil, nil, nil
	return err
}

// Commit gives the files their names, each in one step, over what stood there
// before, and returns what each came to. A file that is there is whole.
func (w *Writer) Commit() ([]Sum, error) {
	if err := w.finish(); err != nil {
		return nil, err
	}
	for len(w.waiting) > 0 {
		if err := os.Rename(w.waiting[0].from, w.waiting[0].to); err != nil {
			return nil, err
		}
		w.waiting = w.waiting[1:]
	}
	if w.dir == "" {
		return w.sums, nil
	}
	return w.sums, syncDir(w.dir)
}

// Close takes away what was not committed.
func (w *Writer) Close() error {
	var errs []error
	if w.file != nil {
		errs = append(errs, w.file.Close())
		w.file = nil
	}
	for _, r := range w.waiting {
		errs = append(errs, os.Remove(r.from))
	}
	w.waiting = nil
	return errors.Join(errs...)
}

// syncDir makes names that were given stay through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
