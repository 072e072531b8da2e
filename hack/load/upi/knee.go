package upi

import (
	"fmt"
	"io"
	"text/tabwriter"
)

const (
	kneeFactor = 1.25
	kneeMost   = 100_000 // a second: nobody believes more of one machine
)

// knee is the highest rate that the server bore, and how that was found.
type knee struct {
	Rate  float64  `json:"rate"`  // 0: it bore not even the first
	Next  float64  `json:"next"`  // the first that it did not bear; 0: there was none
	Noisy bool     `json:"noisy"` // there others took too much for a verdict both times
	Steps []report `json:"steps"`
}

// findKnee goes up from a rate, each step a quarter more, until a rate is too much
// for the server twice: once may be the neighbours.
func findKnee(from float64, measure func(rate float64) (report, error), each func(report) error) (k knee, err error) {
	for rate, tries := from, 0; rate <= kneeMost; {
		result, err := measure(rate)
		if err != nil {
			return k, err
		}
		k.Steps = append(k.Steps, result)
		if err := each(result); err != nil {
			return k, err
		}
		switch tries++; {
		case result.Verdict == verdictOK:
			k.Rate, k.Noisy, tries = rate, false, 0
			rate *= kneeFactor
		case tries == 1:
			k.Noisy = result.Verdict == verdictNoisy
		default:
			k.Next, k.Noisy = rate, k.Noisy && result.Verdict == verdictNoisy
			return k, nil
		}
	}
	return k, nil
}

// stepLines prints a line for each step as it comes.
func stepLines(out io.Writer) (each func(report) error) {
	first := true
	return func(r report) error {
		t := tabwriter.NewWriter(out, 9, 0, 1, ' ', tabwriter.AlignRight)
		if first {
			fmt.Fprintln(t, "rate/s\tgoodput %\tVal p50\tp99\tp99.9 ms\tPay p50\tp99\tp99.9 ms\tcontr. us\tpostg. us\tload us\tbusy %\tbound/s\tstolen %\tverdict\t")
			first = false
		}
		fmt.Fprintf(t, "%.0f\t%.2f\t", r.Rate, 100*r.Goodput)
		for _, k := range r.Kinds {
			fmt.Fprintf(t, "%.1f\t%.1f\t%.1f\t", k.P50, k.P99, k.P999)
		}
		fmt.Fprintf(t, "%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%s\t\n", r.Server, r.Postgres, r.Load, 100*r.Busy, r.Bound, 100*r.Noise.stolen(), r.Verdict)
		return t.Flush()
	}
}

// print says where the knee is.
func (k knee) print(out io.Writer) error {
	switch {
	case k.Rate == 0 && k.Noisy:
		fmt.Fprintf(out, "no knee: at %.0f a second already the goals were missed, in too much noise for a verdict\n", k.Next)
	case k.Rate == 0:
		fmt.Fprintf(out, "no knee: at %.0f a second already the goals were missed\n", k.Next)
	case k.Next == 0:
		fmt.Fprintf(out, "no knee up to %.0f a second\n", k.Rate)
	default:
		why := ""
		if k.Noisy {
			why = ", where others took too much of the machine for a verdict: it may be higher"
		}
		fmt.Fprintf(out, "knee: %.0f a second; not %.0f%s\n", k.Rate, k.Next, why)
	}
	return nil
}
