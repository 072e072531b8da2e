package postgres

import "github.com/galla-pay/galla/controller/internal/risk"

// The statements of risk rules, for the tests of their plans.
const RiskSampleSQL = riskSample

// RiskCountSQL is the statement that counts.
func RiskCountSQL(c risk.Count) (string, error) { return riskCount(c) }
