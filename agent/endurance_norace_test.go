//go:build !race

package agent_test

// sales are how many TestTenThousandSales makes.
const sales = 10_000

// residentLimit is what TestResident allows, in bytes.
const residentLimit = 40 << 20
