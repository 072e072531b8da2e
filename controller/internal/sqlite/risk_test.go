package sqlite_test

import (
	"regexp"
	"testing"

	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestRiskContract(t *testing.T) {
	t.Parallel()
	storagetest.RunRisk(t, func(t *testing.T) storagetest.RiskStorage { return open(t) })
}

// However many messages there are, those of one party are found by index.
func TestRiskFactsGoByIndex(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"validations of the payee":    {`SEARCH qr_validations USING .*INDEX qr_validations_of_payee \(<expr>=\? AND created_at>\?\)`},
		"validations of the merchant": {`SEARCH qr_validations USING .*INDEX qr_validations_of_payee \(<expr>=\? AND created_at>\?\)`, `SEARCH payees USING .*INDEX payees_merchant`},
		"payments of the payer":       {`SEARCH req_pays USING .*INDEX req_pays_of_payer \(<expr>=\? AND at>\?\)`},
		"payments of the payee":       {`SEARCH req_pays USING .*INDEX req_pays_of_payee \(<expr>=\? AND at>\?\)`},
		"payments of the merchant":    {`SEARCH req_pays USING .*INDEX req_pays_of_payee \(<expr>=\? AND at>\?\)`, `SEARCH payees USING .*INDEX payees_merchant`},
		"declined of the payer":       {`SEARCH req_pays USING .*INDEX req_pays_failed_of_payer \(<expr>=\? AND at>\?\)`},
		"declined of the payee":       {`SEARCH req_pays USING .*INDEX req_pays_failed_of_payee \(<expr>=\? AND at>\?\)`},
		"declined of the merchant":    {`SEARCH req_pays USING .*INDEX req_pays_failed_of_payee \(<expr>=\? AND at>\?\)`, `SEARCH payees USING .*INDEX payees_merchant`},
		"the sample":                  {`SEARCH req_pays USING .*INDEX req_pays_of_payee \(<expr>=\? AND at>\?\)`},
	}
	var counts []risk.Count
	for _, what := range []risk.What{risk.Validations, risk.Payments, risk.Declined} {
		for _, of := range []risk.Party{risk.Payer, risk.Payee, risk.Merchant} {
			if what != risk.Validations || of != risk.Payer {
				counts = append(counts, risk.Count{What: what, Of: of})
			}
		}
	}
	plans, err := open(t).RiskPlans(t.Context(), counts)
	if err != nil {
		t.Fatal(err)
	}
	if len(plans) != len(want) {
		t.Errorf("%d plans, want %d", len(plans), len(want))
	}
	whole := regexp.MustCompile(`(?m)SCAN (req_pays|qr_validations|payees)|USE TEMP B-TREE`)
	for name, plan := range plans {
		for _, line := range want[name] {
			if !regexp.MustCompile(line).MatchString(plan) {
				t.Errorf("%s: the plan does not have %s:\n%s", name, line, plan)
			}
		}
		if whole.MatchString(plan) {
			t.Errorf("%s: the plan reads or sorts a whole table:\n%s", name, plan)
		}
	}
}
