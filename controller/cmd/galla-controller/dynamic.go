package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/assess"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fx"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/controller/internal/upiapi"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// dynamicFlags are the settings and flags of Dynamic QRs under the PRD's own
// names (PRD 7.1, 7.2).
type dynamicFlags struct {
	ExpiryMinutes int64           `name:"dynamic-qr-expiry-minutes" default:"30" env:"DYNAMIC_QR_EXPIRY_MINUTES" help:"How long a Dynamic QR and its token live at most, 1 to 30 minutes."`
	LimitINR      int64           `name:"dynamic-qr-limit-inr" default:"8000" env:"DYNAMIC_QR_LIMIT_INR" help:"The most that one Dynamic QR may ask for, 1 to 8000 rupees."`
	TimeoutSecs   int64           `name:"timeout-duration-seconds" default:"30" env:"TIMEOUT_DURATION_SECONDS" help:"How long the merchant of --timeout-vpa is waited for, 1 to 60 seconds."`
	TimeoutVPA    string          `name:"timeout-vpa" default:"gourmet@mercury" env:"TIMEOUT_VPA" placeholder:"VPA" help:"The payee who never answers in time."`
	OrgID         string          `name:"org-id" default:"MER101" env:"DYNAMIC_ORG_ID" help:"Our organisation in the UPI network."`
	NetInstID     string          `name:"net-inst-id" default:"MER1010001" env:"DYNAMIC_NET_INST_ID" help:"Our institution in the UPI network; kept with each validation."`
	Initiation    string          `name:"initiation-mode" default:"16" env:"DYNAMIC_INITIATION_MODE" help:"The initiation mode of a Dynamic QR. There is no other than 16."`
	X7Settlement  string          `name:"x7-settlement" default:"0" env:"DYNAMIC_X7_SETTLEMENT" help:"What an X7 settles. There is no other than 0: what is refused settles nothing."`
	YHSettlement  string          `name:"yh-settlement" default:"0" env:"DYNAMIC_YH_SETTLEMENT" help:"What a YH settles. There is no other than 0."`
	Feature       map[string]bool `placeholder:"NAME=true|false" help:"Switch one on or off: dynamic_qr_timeout_enabled (hold the payments of --timeout-vpa), dynamic_qr_merchant_timeout (reverse them automatically), dynamic_qr_async_processing (assess a validation after its answer). All are on."`
}

// The feature flags (PRD 7.2).
const (
	featureTimeout  = "dynamic_qr_timeout_enabled"
	featureAsync    = "dynamic_qr_async_processing"
	featureReversal = "dynamic_qr_merchant_timeout"
)

// feature reports whether a flag is on, which all are unless switched off.
func (f dynamicFlags) feature(name string) bool {
	on, set := f.Feature[name]
	return on || !set
}

// checkDynamic refuses settings that cannot work, by the PRD's names.
func (f dynamicFlags) checkDynamic() error {
	known := []string{featureTimeout, featureAsync, featureReversal}
	for _, name := range slices.Sorted(maps.Keys(f.Feature)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("--feature: there is no %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	zero := func(text string) bool {
		amount, err := protocol.ParseRupees(text)
		return err == nil && amount == 0
	}
	switch {
	case f.ExpiryMinutes < 1 || f.ExpiryMinutes > 30:
		return errors.New("DYNAMIC_QR_EXPIRY_MINUTES (--dynamic-qr-expiry-minutes): want 1 to 30")
	case f.LimitINR < 1 || f.LimitINR > 8000:
		return errors.New("DYNAMIC_QR_LIMIT_INR (--dynamic-qr-limit-inr): want 1 to 8000 rupees")
	case f.TimeoutSecs < 1 || f.TimeoutSecs > 60:
		return errors.New("TIMEOUT_DURATION_SECONDS (--timeout-duration-seconds): want 1 to 60")
	case f.TimeoutVPA != "" && strings.Count(f.TimeoutVPA, "@") != 1:
		return errors.New("TIMEOUT_VPA (--timeout-vpa): want an address such as gourmet@mercury, or nothing")
	case f.Initiation != upiuri.ModeDynamic:
		return errors.New("DYNAMIC_INITIATION_MODE (--initiation-mode): a Dynamic QR's is 16")
	case f.OrgID == "", f.NetInstID == "":
		return errors.New("DYNAMIC_ORG_ID (--org-id) and DYNAMIC_NET_INST_ID (--net-inst-id) must not be empty")
	case !zero(f.X7Settlement), !zero(f.YHSettlement):
		return errors.New("DYNAMIC_X7_SETTLEMENT and DYNAMIC_YH_SETTLEMENT: want 0, for what is refused settles nothing")
	}
	return nil
}

func (f dynamicFlags) settings() quote.Settings {
	return quote.Settings{
		Limit: protocol.Paise(f.LimitINR * 100), Validity: time.Duration(f.ExpiryMinutes) * time.Minute, NetInstID: f.NetInstID,
	}
}

// timeout is the payee who never answers, and how a wait for him ends. In the
// sandbox of one machine there may be no network to send the reversal to.
func (c *controller) timeout() upiapi.Timeout {
	t := upiapi.Timeout{
		After: time.Duration(c.TimeoutSecs) * time.Second,
		End: func(h decide.Hold) decide.TimedOut {
			return decide.TimedOut{Hold: h, Reverse: c.feature(featureReversal), Booked: c.Sandbox && c.UPINetwork == ""}
		},
	}
	if c.feature(featureTimeout) {
		t.Payee = protocol.VPA(c.TimeoutVPA)
	}
	return t
}

// assessor is what risk rules need: the judge, and the worker that asks it about
// validations after their answers.
type assessor struct {
	judge  *assess.Judge
	worker *assess.Worker
	later  bool
}

func (c *controller) newAssessor(rules risk.Rules) assessor {
	j := &assess.Judge{Rules: rules, Facts: c.db.RiskFacts, Log: c.log, Count: c.metrics.RiskVerdict}
	return assessor{
		judge: j,
		later: c.feature(featureAsync) && !j.Acts(risk.Validation),
		worker: &assess.Worker{
			Find: c.db.Unprocessed, Judge: j, Log: c.log,
			Payee: func(vpa protocol.VPA) decide.PayeeFacts { return decide.FactsOf(c.people.get(), vpa) },
		},
	}
}

func (a assessor) ask(ctx context.Context, phase risk.Phase, on upiapi.Subject) (*risk.Verdict, error) {
	return a.judge.Ask(ctx, phase, assess.Case(on))
}

// upiRows is what the UPI side reads beside its door.
type upiRows interface {
	RiskFacts(ctx context.Context, about []risk.Question) ([]risk.Facts, error)
	Unprocessed(ctx context.Context, limit int) ([]quote.Quote, error)
	LatestQuote(ctx context.Context, paymentID string) (quote.Quote, error)
	ReqPay(ctx context.Context, key decide.TxnKey) (decide.ReqPay, error)
}

// rate asks for a rate and counts the messages that get none for its age.
func (c *controller) rate(rates *fx.Source) func(context.Context, string) (quote.Rate, error) {
	return func(ctx context.Context, currency string) (quote.Rate, error) {
		r, err := rates.Rate(ctx, currency)
		if errors.Is(err, fx.ErrStale) {
			c.metrics.FXRefused()
		}
		return r, err
	}
}

// newUPI makes the door for the UPI network.
func (c *controller) newUPI(rates *fx.Source) *upiapi.API {
	return upiapi.New(upiapi.Config{
		Journal: c.journal, Reader: c.db, Directory: c.people.get, LinkKey: &c.keys.link.PublicKey, OrgID: c.OrgID,
		Settings: c.settings(), Timeout: c.timeout(), Rate: c.rate(rates), Markup: c.FXMarkup,
		Judge: c.assessor.ask, Later: c.assessor.later,
		Sandbox: c.Sandbox, Log: c.log, Sign: c.signer.signs(), Certificate: c.signer.certificate(), Metrics: c.metrics,
		Traced: c.upiTrace(),
	})
}
