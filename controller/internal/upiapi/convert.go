package upiapi

import (
	"context"
	"errors"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fx"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// convert makes rupees of a message in another currency (upi-switch:
// International, fees). A currency that nobody has a rate for is the sender's
// mistake; a rate that is too old is our failure.
func (a *API) convert(ctx context.Context, d *decide.Validate) error {
	if a.Rate == nil {
		return badRequest(d.MsgID, "Curr must be INR: no other currency is taken here")
	}
	// PRD 5.1 step 11: For international: fetch the FX rate and convert to INR.
	rate, err := a.Rate(ctx, d.Currency)
	switch {
	case errors.Is(err, fx.ErrUnknownCurrency):
		return badRequest(d.MsgID, "Curr is not a currency that is taken here")
	case errors.Is(err, fx.ErrStale):
		return &upixml.Error{
			Code: string(decide.CodeInternalError), MsgID: d.MsgID,
			Message: "there is no exchange rate younger than 24 hours; try again later",
		}
	case err != nil:
		return err
	}
	amount, err := quote.Convert(d.Base, rate, a.Markup)
	switch {
	case err != nil:
		return badRequest(d.MsgID, "element Amount is more than can be converted")
	case amount < quote.MinPaise:
		return badRequest(d.MsgID, "element Amount is worth less than 1.00 INR")
	}
	d.Amount, d.Rate = amount, rate
	return nil
}

func badRequest(msgID, message string) error {
	return &upixml.Error{Code: string(decide.CodeBadRequest), MsgID: msgID, Message: message}
}
