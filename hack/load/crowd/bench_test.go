package crowd

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkTerminals is ten thousand terminals on the real controller (performance:
// idle terminals; whole-program goals): how long they take to be there, what one
// costs, what it does while nothing happens, how soon a sale is told at a thousand a
// second, and how soon all are back after a kill under that load, with no sale lost.
// At a fifth of that rate two cores can do it.
func BenchmarkTerminals(b *testing.B) {
	for _, rate := range []float64{200, 1000} {
		b.Run(fmt.Sprintf("rate=%.0f", rate), func(b *testing.B) {
			for b.Loop() {
				measureTerminals(b, Options{Terminals: 10_000, Rate: rate, For: 10 * time.Second, Idle: 5 * time.Second, Progress: b.Output()})
			}
		})
	}
}

func measureTerminals(b *testing.B, o Options) {
	r, err := Measure(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	for _, lost := range append(r.Sales.lost, r.Herd.Sales.lost...) {
		b.Log("lost: ", lost)
	}
	b.ReportMetric(r.Storm.Subscribed, "s-storm")
	b.ReportMetric(r.Storm.Synced, "s-sync")
	b.ReportMetric(r.KB(), "KB/terminal")
	b.ReportMetric(r.Times(), "times-after-herd")
	b.ReportMetric(100*r.Idle.Cores, "%-idle-core")
	b.ReportMetric(r.Sales.ToldMillis.P50, "p50-ms-told")
	b.ReportMetric(r.Sales.ToldMillis.P99, "p99-ms-told")
	b.ReportMetric(r.Sales.Micros, "us-cpu/sale")
	b.ReportMetric(r.Herd.Synced, "s-herd")
	b.ReportMetric(float64(r.Sales.Lost+r.Herd.Sales.Lost), "lost-sales")
	b.ReportMetric(float64(r.Herd.Away), "away-after-herd")
	b.ReportMetric(0, "ns/op")
}
