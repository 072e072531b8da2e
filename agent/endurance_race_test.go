//go:build race

package agent_test

// sales are how many TestTenThousandSales makes. The race detector makes each
// several times as slow, and holds memory of its own.
const sales = 1_000

// residentLimit is what TestResident allows, in bytes.
const residentLimit = 400 << 20
