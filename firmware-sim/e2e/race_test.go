//go:build race

package e2e

// raced: the tests have the race detector, so the programs under test have it, too.
const raced = true

// slowdown is what that costs, about.
const slowdown = 5
