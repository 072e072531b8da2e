package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
)

type payCommand struct {
	Panel        string        `required:"" placeholder:"URL" help:"The terminal's picture, for example http://127.0.0.1:8090/panel.png."`
	Upi          string        `required:"" placeholder:"URL" help:"The controller, for example http://127.0.0.1:8080."`
	Decline      bool          `xor:"how" help:"Pay from an account whose bank declines."`
	ValidateOnly bool          `xor:"how" help:"Ask whether the QR can be paid, and do not pay."`
	Twice        bool          `xor:"how" help:"Pay, then try the same QR again, which must be refused."`
	Wait         time.Duration `default:"10s" placeholder:"TIME" help:"How long to look for a QR (${default})."`
	JSON         bool          `name:"json" help:"Print one JSON object instead of steps."`
}

// Help is printed below the flags.
func (payCommand) Help() string {
	return `Reads the QR from the panel's pixels, asks the controller (ReqValQr) and pays (ReqPay).

Exit status: 0 paid (with --twice: and refused the second time; with --validate-only: the QR is
good), 2 usage, 5 panel or controller unreachable, 6 not paid, 7 no QR was seen in time.

Examples:
  galla-sim phone pay --panel http://127.0.0.1:8090/panel.png --upi http://127.0.0.1:8080
  galla-sim phone pay --panel http://127.0.0.1:8090/panel.png --upi http://127.0.0.1:8080 --twice --json`
}

// Run pays once.
func (c *payCommand) Run(ctx context.Context, talk console) error {
	if err := checkURL("--panel", c.Panel, "http", "https"); err != nil {
		return err
	}
	if err := checkURL("--upi", c.Upi, "http", "https"); err != nil {
		return err
	}
	if c.Wait <= 0 {
		return usage("--wait %v: it must be longer than nothing", c.Wait)
	}
	options := phone.Options{
		PanelURL: c.Panel, UPIURL: c.Upi, Wait: c.Wait,
		Decline: c.Decline, ValidateOnly: c.ValidateOnly, Twice: c.Twice,
	}
	if !c.JSON {
		options.Out = talk.out
	}
	result, err := phone.Pay(ctx, options)
	if c.JSON {
		text, jsonErr := json.MarshalIndent(result, "", "  ")
		if jsonErr != nil {
			return jsonErr
		}
		fmt.Fprintf(talk.out, "%s\n", text)
	}
	switch {
	case errors.Is(err, phone.ErrNoQR):
		if cause := unreachable(ctx, c.Panel); cause != nil {
			return &exitError{exitUnreachable, fmt.Errorf("--panel %s: %w", c.Panel, cause)}
		}
		return &exitError{exitTimeout, err}
	case errors.Is(err, npci.ErrNoAnswer):
		return &exitError{exitUnreachable, fmt.Errorf("--upi %s: %w", c.Upi, err)}
	case err != nil:
		return &exitError{exitNotSuccessful, err}
	case !result.OK():
		return &exitError{exitNotSuccessful, notPaid(result)}
	}
	return nil
}

// notPaid says why the payment does not count as one.
func notPaid(r phone.Result) error {
	switch {
	case r.ValidateStatus != "00":
		return fmt.Errorf("the QR was refused: %s %s", r.ValidateStatus, r.ValidateMessage)
	case r.Accepted:
		return errors.New("the second payment of the same QR was not refused")
	case r.PayResult != "":
		return fmt.Errorf("not paid: %s", r.PayResult)
	}
	return fmt.Errorf("not paid: %s %s", r.PayStatus, r.PayMessage)
}

// unreachable tells a panel that nobody serves from one that shows no QR.
func unreachable(ctx context.Context, panel string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, panel, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
