package upi

import (
	"testing"
	"time"
)

const (
	benchFor  = 10 * time.Second
	benchStep = 2 * time.Second
	// bearable is how much of the rate at which the knee was found is asked for in
	// the longer run after it: short steps find it a little high.
	bearable = .8
)

// BenchmarkUPI is the UPI path end to end (performance: whole-program goals): the
// real controller on a PostgreSQL that syncs, each in processes of their own, and
// this load beside them on the same cores. Each is one run of ten seconds, whatever
// -benchtime says; what it gives is metrics.
//
//   - rate=10000: the goal's rate, half of each message.
//   - bearable: four fifths of the rate up to which the goals are met on this machine
//     now, which is metric requests/s.
//   - signed: the same with signed messages and answers, these with RSA as a sandbox
//     signs them.
//   - signed-P-256: the answers are signed with a key on P-256.
//
// goodput-% is the share of requests that were answered 00 within 100 ms (ReqValQr)
// or 150 ms (ReqPay); us-server/request and the like are CPU time, and
// bound-requests/s what all cores would give at that cost; stolen-% is what
// others took of the machine, and above 5 there is no verdict on a goal that was
// missed.
func BenchmarkUPI(b *testing.B) {
	b.Run("rate=10000", func(b *testing.B) {
		for b.Loop() {
			r := benchRig(b, false, "")
			benchRun(b, r, 10_000)
			r.close()
		}
	})
	b.Run("bearable", func(b *testing.B) { benchBearable(b, false, "", 1000) })
	b.Run("signed", func(b *testing.B) { benchBearable(b, true, answerRSA, 100) })
	b.Run("signed-P-256", func(b *testing.B) { benchBearable(b, true, answerP256, 300) })
}

func benchBearable(b *testing.B, signed bool, answers string, from float64) {
	for b.Loop() {
		r := benchRig(b, signed, answers)
		found, err := findKnee(from, func(rate float64) (report, error) { return r.measure(b.Context(), rate, benchStep, nil) }, func(s report) error {
			b.Logf("%.0f/s: goodput %.2f %%, %s", s.Rate, 100*s.Goodput, s.Verdict)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(found.Rate, "knee-requests/s")
		benchRun(b, r, max(found.Rate, from)*bearable)
		r.close()
	}
}

func benchRig(b *testing.B, signed bool, answers string) *rig {
	r, err := openRig(b.Context(), options{gaps: poisson, signed: signed, answers: answers, most: 1024, limit: 5 * time.Second})
	b.Cleanup(r.close)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func benchRun(b *testing.B, r *rig, rate float64) {
	got, err := r.measure(b.Context(), rate, benchFor, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%+v", got)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate, "requests/s")
	b.ReportMetric(100*got.Goodput, "goodput-%")
	for _, k := range got.Kinds {
		b.ReportMetric(k.P50, "p50-ms-"+k.Name)
		b.ReportMetric(k.P999, "p99.9-ms-"+k.Name)
	}
	b.ReportMetric(got.Server, "us-server/request")
	b.ReportMetric(got.Postgres, "us-postgres/request")
	b.ReportMetric(got.Load, "us-load/request")
	b.ReportMetric(got.Bound, "bound-requests/s")
	b.ReportMetric(100*got.Noise.stolen(), "stolen-%")
}
