package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// A percentile is a sample, that part of all is not above it, and no smaller one
// does.
func TestTimes(t *testing.T) {
	t.Parallel()
	if got := timesOf(nil); got != (Times{}) {
		t.Errorf("of nothing: %+v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 1, 300).Draw(t, "samples")
		before := slices.Clone(samples)
		got := timesOf(samples)
		if !slices.Equal(samples, before) {
			t.Fatal("the samples were moved")
		}
		if got.Count != len(samples) || got.Max != slices.Max(samples) {
			t.Fatalf("%+v", got)
		}
		for _, p := range []struct{ part, is float64 }{{0.5, got.P50}, {0.99, got.P99}} {
			below, less := 0, 0
			for _, s := range samples {
				if s <= p.is {
					below++
				}
				if s < p.is {
					less++
				}
			}
			need := int(math.Ceil(p.part * float64(len(samples))))
			if !slices.Contains(samples, p.is) || below < need || less >= need {
				t.Fatalf("p%v of %v is %v", p.part*100, samples, p.is)
			}
		}
	})
}

// Tallies add up, and a copy shares nothing with what it was made of.
func TestTallyAdds(t *testing.T) {
	t.Parallel()
	a := Tally{
		Terminals: 1, Connected: 1, PowerCuts: 2, NetworkCuts: 3, Sales: Sales{4, 5, 6, 7, 8, 9}, Shown: 10, FalsePaid: 11,
		Errors: map[string]int{"x": 1}, Goroutines: 12, Bytes: 13, Connects: map[string][]float64{"power": {1}}, Glass: []float64{2},
	}
	sum := a.clone()
	sum.add(a)
	want := Tally{
		Terminals: 2, Connected: 2, PowerCuts: 4, NetworkCuts: 6, Sales: Sales{8, 10, 12, 14, 16, 18}, Shown: 20, FalsePaid: 22,
		Errors: map[string]int{"x": 2}, Goroutines: 24, Bytes: 26, Connects: map[string][]float64{"power": {1, 1}}, Glass: []float64{2, 2},
	}
	got, _ := json.Marshal(sum)
	expected, _ := json.Marshal(want)
	if !bytes.Equal(got, expected) {
		t.Errorf("sum\n%s, want\n%s", got, expected)
	}
	copied := a.clone()
	copied.fail("x", 1)
	copied.Connects["power"][0] = 9
	if a.Errors["x"] != 1 || a.Connects["power"][0] != 1 {
		t.Errorf("the copy shares: %+v", a)
	}
}

// As many processes as the sockets need, as many as were wished, and no more than
// there are terminals.
func TestProcesses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n, wanted int
		files     uint64
		want      int
	}{
		{50, 0, 1024, 1}, {50, 2, 1024, 2}, {3, 8, 1024, 3}, {1, 0, 1024, 1},
		{864, 0, 1024, 1}, {865, 0, 1024, 2}, {865, 5, 1024, 5}, {10_000, 0, 1024, 12}, {10_000, 0, 20_000, 1}, {20_000, 0, 1 << 60, 1},
	} {
		if got, err := processesFor(tt.n, tt.wanted, tt.files); err != nil || got != tt.want {
			t.Errorf("%d terminals, %d wanted, %d files: %d, %v; want %d", tt.n, tt.wanted, tt.files, got, err, tt.want)
		}
	}
	if _, err := processesFor(1, 0, spareFiles); !errors.Is(err, ErrFew) {
		t.Errorf("without files: %v", err)
	}
}

// A report is good only when nothing is false, lost or left behind.
func TestGood(t *testing.T) {
	t.Parallel()
	good := Report{Terminals: 2, Connected: 2, Sales: Sales{Paid: 3, Succeeded: 3}}
	for _, tt := range []struct {
		name   string
		change func(*Report)
		want   bool
	}{
		{"as it must", func(*Report) {}, true},
		{"one PAID is false", func(r *Report) { r.FalsePaid = 1 }, false},
		{"one is not connected", func(r *Report) { r.Connected = 1 }, false},
		{"one is not connected, and it was stopped", func(r *Report) { r.Connected, r.Stopped = 1, true }, true},
		{"a paid sale failed", func(r *Report) { r.Sales.Succeeded = 2 }, false},
		{"one succeeded that nobody paid", func(r *Report) { r.Sales.Succeeded = 4 }, false},
		{"one could not be looked up", func(r *Report) { r.Sales.Succeeded, r.Sales.Unchecked = 2, 1 }, true},
	} {
		r := good
		tt.change(&r)
		if r.Good() != tt.want {
			t.Errorf("%s: good is %v", tt.name, r.Good())
		}
	}
}

// A child refuses an order that is none, and says nothing then.
func TestChildRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ order, want string }{
		{"", "no order"},
		{"{", "no order"},
		{"{\n", "cannot be read"},
		{"{}\n", "there are no terminals"},
		{`{"identities":["a.b.c"],"churn":-1,"saltIndex":1}` + "\n", "cannot be negative"},
		{`{"identities":["a.b.c"],"saltIndex":0}` + "\n", "index is 1 to 99"},
		{`{"identities":["a.b.c"],"saltIndex":1,"panel":"vt100"}` + "\n", "vt100"},
	} {
		var out bytes.Buffer
		err := Child(context.Background(), strings.NewReader(tt.order), &out, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err == nil || !strings.Contains(err.Error(), tt.want) || out.Len() != 0 {
			t.Errorf("%q: %v, %q; want %q", tt.order, err, out.String(), tt.want)
		}
	}
}

// Every shop has an address of its own, and it is one of this machine.
func TestShopAddress(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for n := 1; n <= MaxTerminals; n++ {
		address := shopAddress(n)
		if address == nil {
			return // only Linux has them
		}
		seen[address.String()]++
		if seen[address.String()] > perAddress || !strings.HasPrefix(address.String(), "127.") {
			t.Fatalf("terminal %d is at %s", n, address)
		}
	}
	for address, want := range map[string]bool{"127.0.0.1:1883": true, "127.9.9.9:1": true, "192.0.2.1:80": false, "[::1]:80": false, "localhost:80": false, "x": false} {
		if onLoopback(address) != want {
			t.Errorf("%s is on loopback: %v", address, !want)
		}
	}
}

// What the sandbox has is what its documentation names.
func TestSandbox(t *testing.T) {
	t.Parallel()
	for merchant, want := range map[string]int{"MERCHANTUAT": 3, "COGWAVEOFFLINE": 3, "MERCHANTTWO": 1, "NOBODY": 0} {
		ids := Sandbox(merchant)
		if len(ids) != want || slices.ContainsFunc(ids, func(id protocol.Identity) bool { return !id.Valid() || id.MerchantID != merchant }) {
			t.Errorf("%s has %v", merchant, ids)
		}
	}
}
