package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

type reconcileCommand struct {
	Network    string        `default:"http://127.0.0.1:8075" placeholder:"URL" help:"The network whose books they are (${default})."`
	Ledger     string        `placeholder:"FILE" help:"Read the books in this file instead, and ask the controller from here."`
	Controller string        `default:"http://127.0.0.1:8080" placeholder:"URL" help:"With --ledger: the controller (${default})."`
	Org        string        `default:"MER101" placeholder:"ID" help:"With --ledger: the organisation that asks (${default})."`
	SignCert   string        `placeholder:"FILE" help:"With --ledger: sign the questions with --sign-key; its certificate (PEM)."`
	SignKey    string        `placeholder:"FILE" help:"With --ledger: an RSA key (PEM)."`
	Settlement string        `placeholder:"FILE" help:"Compare a settlement file (CSV) too; - is standard input."`
	Date       string        `placeholder:"YYYY-MM-DD" help:"With --settlement: the file's day by IST; payments and refunds of that day which are not in it are missing."`
	Payee      []string      `sep:"none" placeholder:"ADDRESS" help:"With --date: the file has payments to this address alone. May be given several times."`
	Wait       time.Duration `default:"2m" placeholder:"TIME" help:"How long to wait for the report, while payments in doubt are asked about (${default})."`
	JSON       bool          `name:"json" help:"Print one JSON object instead of a list."`
}

// Help is printed below the flags.
func (reconcileCommand) Help() string {
	return `Asks the controller (ReqChkTxn) about every transaction in the books and lists what the two do not
say alike: whether it is paid, how much, what the merchant gets.

Exit status: 0 they agree, 2 usage, 5 network unreachable, 6 they do not agree.

Examples:
  galla-sim npci reconcile
  galla-sim npci reconcile --ledger ./npci.jsonl --controller http://127.0.0.1:8080 --json
  galla-controller settlement --date 2026-06-12 --out - | galla-sim npci reconcile --settlement - --date 2026-06-12`
}

// Run compares once.
func (c *reconcileCommand) Run(ctx context.Context, talk console) error {
	rows, err := c.check()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	report, ledger, err := c.report(ctx)
	if err != nil {
		return err
	}
	if c.Settlement != "" {
		report.Disagreements = append(report.Disagreements, ledger.CompareSettlement(rows, c.due, c.dueRefund)...)
	}
	if c.JSON {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(talk.out, "%s\n", text)
	} else {
		fmt.Fprint(talk.out, report)
	}
	if !report.Agrees() {
		return &exitError{exitNotSuccessful, errors.New("the books do not agree")}
	}
	return nil
}

// check checks the flags and reads the settlement file.
func (c *reconcileCommand) check() (rows []npci.SettlementRow, err error) {
	if err := checkURL("--network", c.Network, "http", "https"); err != nil {
		return nil, err
	}
	if err := checkURL("--controller", c.Controller, "http", "https"); err != nil {
		return nil, err
	}
	switch {
	case c.Wait <= 0:
		return nil, usage("--wait %v: it must be longer than nothing", c.Wait)
	case (c.SignCert == "") != (c.SignKey == ""):
		return nil, usage("--sign-cert and --sign-key need each other")
	case c.Settlement == "" && c.Date != "":
		return nil, usage("--date needs --settlement")
	case c.Date == "" && len(c.Payee) > 0:
		return nil, usage("--payee needs --date")
	case c.Settlement == "":
		return nil, nil
	}
	if _, err := time.Parse(time.DateOnly, c.Date); c.Date != "" && err != nil {
		return nil, usage("--date %q: it must be like 2026-06-12", c.Date)
	}
	var file io.ReadCloser = os.Stdin
	if c.Settlement != "-" {
		if file, err = os.Open(c.Settlement); err != nil {
			return nil, usage("--settlement: %v", err)
		}
		defer file.Close()
	}
	if rows, err = npci.ReadSettlement(file); err != nil {
		return nil, usage("--settlement: %v", err)
	}
	return rows, nil
}

// due says which payments the settlement file must have: without a date it is
// not said, and none is missing.
func (c *reconcileCommand) due(e npci.Entry) bool {
	return c.Date != "" && e.On(c.Date) && c.covers(e.PayeeAddr)
}

func (c *reconcileCommand) dueRefund(r npci.RefundEntry) bool {
	return c.Date != "" && r.On(c.Date) && c.covers(r.Payee)
}

// covers reports whether the settlement file has payments to an address.
func (c *reconcileCommand) covers(address string) bool {
	for _, payee := range c.Payee {
		if strings.EqualFold(payee, address) {
			return true
		}
	}
	return len(c.Payee) == 0
}

// report has the network compare, or compares the file.
func (c *reconcileCommand) report(ctx context.Context) (r npci.Report, l npci.NetworkLedger, err error) {
	if c.Ledger == "" {
		base := strings.TrimRight(c.Network, "/")
		if err = c.ask(ctx, http.MethodPost, base+"/reconcile", &r); err == nil {
			err = c.ask(ctx, http.MethodGet, base+"/ledger", &l)
		}
		return r, l, err
	}
	client := &npci.Client{BaseURL: c.Controller, OrgID: c.Org, Patience: npci.Patience{Total: c.Wait}}
	if client.Books, err = npci.ReadBooks(c.Ledger); err != nil {
		return r, l, usage("--ledger: %v", err)
	}
	if c.SignKey != "" {
		if client.Key, client.Cert, err = readPair(c.SignCert, c.SignKey); err != nil {
			return r, l, usage("--sign-cert, --sign-key: %v", err)
		}
	}
	r, err = client.Reconcile(ctx)
	if err != nil {
		return r, l, &exitError{exitTimeout, fmt.Errorf("not within %v: %w", c.Wait, err)}
	}
	return r, npci.NetworkLedger{Entries: client.Ledger().Entries, Refunds: client.Books.Refunds()}, nil
}

// ask reads an answer of the network.
func (c *reconcileCommand) ask(ctx context.Context, method, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err == nil {
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("HTTP %d", answer.StatusCode)
		} else {
			err = json.NewDecoder(answer.Body).Decode(into)
		}
	}
	if err != nil {
		return &exitError{exitUnreachable, fmt.Errorf("--network %s: %w", c.Network, err)}
	}
	return nil
}
