package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/settlement"
)

// settledRows is what the settlement of a day reads.
type settledRows interface {
	Settled(ctx context.Context, merchantID string, from, until time.Time, each func(payment.Payment) error) error
	// CallbackHorizon is the time before which nothing can end any more: a payment
	// and its callback end at one time.
	CallbackHorizon(ctx context.Context) (time.Time, error)
}

// settlementCommand writes what merchants were paid on a day.
type settlementCommand struct {
	Date     string `required:"" env:"-" placeholder:"2026-11-21" help:"The day, as it is in India."`
	Merchant string `env:"-" placeholder:"ID" help:"Of this merchant alone, also where it was paid nothing."`
	Out      string `env:"-" default:"." placeholder:"DIR" help:"Write settlement-MERCHANT-DATE.csv of each merchant into this directory; - writes all to standard output, and the sums beside it."`
	Partial  bool   `env:"-" help:"Take what there is of a day that is not over; the files are called .partial.csv."`
	adminFlags
}

// settlementSum is what a file comes to, as it is shown. The last one is of all,
// and of merchant *.
type settlementSum struct {
	MerchantID string `json:"merchantId"`
	Sales      int64  `json:"sales"`
	Refunds    int64  `json:"refunds"`
	Amount     string `json:"amount"` // rupees
	Fee        string `json:"fee"`
	Settlement string `json:"settlement"`
	File       string `json:"file,omitempty"`
}

func viewSum(s settlement.Sum) settlementSum {
	return settlementSum{
		MerchantID: s.MerchantID, Sales: s.Sales, Refunds: s.Refunds,
		Amount: s.Amount.Rupees(), Fee: s.Fee.Rupees(), Settlement: s.Settlement.Rupees(), File: s.File,
	}
}

// Run writes the files and prints what they come to.
func (c settlementCommand) Run(ctx context.Context, k *kong.Context) error {
	day, err := settlement.ParseDay(c.Date)
	if err != nil {
		return &CodedError{Code: exitUsage, Err: fmt.Errorf("--date: %w", err)}
	}
	if c.Out != "-" {
		if info, err := os.Stat(c.Out); err != nil || !info.IsDir() {
			return &CodedError{Code: exitUsage, Err: fmt.Errorf("--out: %s is no directory", c.Out)}
		}
	}
	return c.work(ctx, k, "merchant", c.Merchant, func(d *desk) error { return c.settle(ctx, d, day) })
}

func (c settlementCommand) settle(ctx context.Context, d *desk, day settlement.Day) (err error) {
	if err := c.over(ctx, d, day); err != nil {
		return err
	}
	people, err := d.db.Directory(ctx)
	if err != nil {
		return err
	}
	if _, known := people.Merchant(c.Merchant); c.Merchant != "" && !known {
		return admin.NotFound("merchant " + c.Merchant)
	}
	sums, err := c.write(ctx, d, day, people)
	if err != nil {
		return err
	}
	total, err := settlement.Total(sums)
	if err != nil {
		return err
	}
	total.MerchantID = "*"
	out := d.out
	if c.Out == "-" {
		out.w = d.talk
	}
	rows := newRows[settlementSum](out)
	for _, s := range append(sums, total) {
		if err := rows.add([]settlementSum{viewSum(s)}); err != nil {
			return err
		}
	}
	return rows.end()
}

// write writes the day's files, all or none.
func (c settlementCommand) write(ctx context.Context, d *desk, day settlement.Day, people *merchant.Directory) (sums []settlement.Sum, err error) {
	mcc := func(id string) string {
		m, _ := people.Merchant(id)
		return m.MCC
	}
	var w *settlement.Writer
	stdout := bufio.NewWriter(d.out.w)
	if c.Out == "-" {
		if w, err = settlement.NewStream(stdout, day, mcc); err != nil {
			return nil, err
		}
	} else {
		w = settlement.NewFiles(c.Out, day, c.Partial, mcc)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if c.Merchant != "" {
		if err := w.Merchant(c.Merchant); err != nil {
			return nil, err
		}
	}
	if err := d.db.Settled(ctx, c.Merchant, day.Begins(), day.Ends(), w.Payment); err != nil {
		return nil, err
	}
	if sums, err = w.Commit(); err != nil {
		return nil, err
	}
	return sums, stdout.Flush()
}

// over refuses a day of which something may still come.
func (c settlementCommand) over(ctx context.Context, d *desk, day settlement.Day) error {
	settled, err := d.db.CallbackHorizon(ctx)
	switch {
	case err != nil:
		return err
	case settled.Before(day.Begins()):
		return &CodedError{Code: exitUsage, Err: fmt.Errorf("--date: %s has not begun in India", day)}
	case c.Partial || !settled.Before(day.Ends()):
		return nil
	}
	return &CodedError{Code: exitFailed, Err: fmt.Errorf("%s is not over in India, or what ended in it is still being written; --partial takes what there is", day)}
}
