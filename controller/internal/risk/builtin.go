package risk

import "time"

// Builtin is the rules that hold where no others were given. All of them only
// add to the score: they keep nobody from paying.
func Builtin() Rules {
	return Rules{[]Rule{
		{
			Name: "payer-burst", On: true, Phase: Payment, Kind: Velocity,
			Window: 10 * time.Minute, Of: Payer, Counts: Payments, Threshold: 10, Score: 30, Action: Score,
			Explanation: "People pay a few times in ten minutes, not ten times; whoever tries out stolen accounts or splits a sum does.",
		},
		{
			Name: "payer-day", On: true, Phase: Payment, Kind: Velocity,
			Window: 24 * time.Hour, Of: Payer, Counts: Payments, Threshold: 50, Score: 20, Action: Score,
			Explanation: "Fifty payments of one person at counters in one day are a machine's, or a reseller's.",
		},
		{
			Name: "payer-declines", On: true, Phase: Payment, Kind: Declines,
			Window: 15 * time.Minute, Of: Payer, Counts: Declined, Threshold: 3, Score: 40, Action: Score,
			Explanation: "Three payments that failed within a quarter of an hour: somebody may be trying out what an account still holds.",
		},
		{
			Name: "payee-declines", On: true, Phase: Payment, Kind: Declines,
			Window: time.Hour, Of: Payee, Counts: Declined, Threshold: 20, Score: 20, Action: Score,
			Explanation: "Twenty payments to one payee failed within an hour: either its account has a fault, or it is used to try out others'.",
		},
		{
			Name: "payee-burst", On: true, Phase: Validation, Kind: Velocity,
			Window: time.Minute, Of: Payee, Counts: Validations, Threshold: 60, Score: 15, Action: Score,
			Explanation: "A counter serves a customer in seconds at best; sixty scans a minute for one payee are more than one counter makes.",
		},
		{
			Name: "amount-outlier", On: true, Phase: Validation, Kind: Outlier,
			Window: 30 * 24 * time.Hour, Measure: "p95", Percent: 300, Minimum: 20, Score: 25, Action: Score,
			Explanation: "The amount is more than three times what nearly all of this payee's latest payments were: a typing error, or goods that it does not usually sell.",
		},
		{
			Name: "near-limit", On: true, Phase: Validation, Kind: Amount,
			Above: 750_000, Score: 10, Action: Score,
			Explanation: "The amount is close to the limit of 8000 rupees; sums that are split to stay below a limit are just below it.",
		},
	}}
}
