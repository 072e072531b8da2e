package npci

import (
	"math/big"
	"regexp"
	"strings"

	"github.com/galla-pay/galla/protocol"
)

// maxMarkup is the most by which a quote may be above its own rate: a markup may
// be as much again at most.
var maxMarkup = big.NewRat(2, 1)

var rateForm = regexp.MustCompile(`^\d{1,9}(\.\d{1,12})?$`)

// quote checks what a good answer says of a payment in another currency: it is
// the amount that was asked for, and adds up, with a markup or without one
// (upi-switch: International, fees).
func (a *answer) quote(req ReqValQr, resp RespValQr) {
	if resp.Status != "00" || req.Curr == "" || req.Curr == "INR" {
		if resp.BaseAmount != 0 || resp.BaseCurr != "" || resp.FxRate != "" || resp.InrAmount != 0 {
			a.fail("it quotes a rate that nobody asked for")
		}
		return
	}
	switch {
	case resp.BaseCurr != req.Curr || resp.BaseAmount != req.Amount:
		a.fail("it quotes " + resp.BaseAmount.Rupees() + " " + resp.BaseCurr + ", not " + req.Amount.Rupees() + " " + req.Curr)
	case resp.InrAmount <= 0:
		a.fail("it does not say what it costs in INR")
	case !rateForm.MatchString(resp.FxRate) || strings.Trim(resp.FxRate, "0.") == "":
		a.fail("FxRate is no rate")
	case !addsUp(resp):
		a.fail(resp.BaseAmount.Rupees() + " " + resp.BaseCurr + " at " + resp.FxRate + " is not " + resp.InrAmount.Rupees() + " INR")
	}
}

// addsUp reports whether InrAmount is BaseAmount at FxRate to the paisa, or more
// by a markup.
func addsUp(resp RespValQr) bool {
	rate, ok := new(big.Rat).SetString(resp.FxRate)
	if !ok {
		return false
	}
	exact := rate.Mul(rate, rat(resp.BaseAmount))
	half := big.NewRat(51, 100) // of a paisa, and what the rate itself was rounded by
	least := new(big.Rat).Sub(exact, half)
	most := new(big.Rat).Add(new(big.Rat).Mul(exact, maxMarkup), half)
	inr := rat(resp.InrAmount)
	return inr.Cmp(least) >= 0 && inr.Cmp(most) <= 0
}

func rat(p protocol.Paise) *big.Rat { return new(big.Rat).SetInt64(int64(p)) }
