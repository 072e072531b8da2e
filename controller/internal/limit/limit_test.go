package limit_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/limit"
)

// counted is a Meter.
type counted map[string]int

func (c counted) Limited(kind string) { c[kind]++ }

func limiter(t testing.TB, rate string, keys int) *limit.Limiter[string] {
	t.Helper()
	r, err := limit.ParseRate(rate)
	if err != nil {
		t.Fatal(err)
	}
	return limit.New[string](limit.Config{Kind: "merchant", Rate: r, Keys: keys, Log: slog.New(slog.DiscardHandler)})
}

// TestAllowance reads like a till's morning: what is asked, when, and the answer.
func TestAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, "10/s:3", 0)
		const ms = time.Millisecond
		for _, row := range []struct {
			after time.Duration // since the row before
			key   string
			wait  time.Duration // 0: allowed
		}{
			{0, "A", 0}, {0, "A", 0}, {0, "A", 0}, // the burst
			{0, "A", 100 * ms},
			{0, "A", 100 * ms}, // a refusal costs nothing
			{0, "B", 0},        // and is nobody else's
			{99 * ms, "A", 1 * ms},
			{1 * ms, "A", 0},
			{0, "A", 100 * ms},
			{250 * ms, "A", 0}, {0, "A", 0}, {0, "A", 50 * ms},
			{time.Hour, "A", 0}, {0, "A", 0}, {0, "A", 0}, {0, "A", 100 * ms}, // never more than the burst
			{0, "B", 0}, {0, "B", 0}, {0, "B", 0}, {0, "B", 100 * ms},
		} {
			time.Sleep(row.after)
			wait, ok := l.Allow(row.key)
			if ok != (row.wait == 0) || wait != row.wait {
				t.Fatalf("%s after %s: %t, %s; want to wait %s", row.key, row.after, ok, wait, row.wait)
			}
		}
	})
}

func TestOffAllowsEverythingAndRemembersNothing(t *testing.T) {
	t.Parallel()
	l := limiter(t, "off", 0)
	for range 10_000 {
		if wait, ok := l.Allow("A"); !ok || wait != 0 {
			t.Fatalf("%t, %s", ok, wait)
		}
	}
	if n := l.Keys(); n != 0 {
		t.Errorf("%d keys", n)
	}
}

// TestAgainstABucket: whatever is asked when, the answer is that of the textbook's
// token bucket, kept for every key for ever.
func TestAgainstABucket(t *testing.T) {
	type bucket struct {
		tokens float64
		at     time.Time
	}
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.SampledFrom([]int{1, 2, 5, 10, 50}).Draw(rt, "count") // divisors of a second
		burst := rapid.IntRange(1, 20).Draw(rt, "burst")
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) [2]int {
			return [2]int{
				rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 300), rapid.IntRange(0, 40_000)).Draw(rt, "ms"),
				rapid.IntRange(0, 3).Draw(rt, "key"),
			}
		}), 1, 200).Draw(rt, "steps")
		problem := ""
		synctest.Test(t, func(*testing.T) {
			l := limiter(t, fmt.Sprintf("%d/s:%d", count, burst), 0)
			buckets := map[string]*bucket{}
			for i, step := range steps {
				time.Sleep(time.Duration(step[0]) * time.Millisecond)
				key := fmt.Sprint(step[1])
				b := buckets[key]
				if b == nil {
					b = &bucket{float64(burst), time.Now()}
					buckets[key] = b
				}
				b.tokens = min(float64(burst), b.tokens+time.Since(b.at).Seconds()*float64(count))
				b.at = time.Now()
				const tiny = 1e-6
				want := b.tokens >= 1-tiny
				wait, ok := l.Allow(key)
				if ok != want {
					problem = fmt.Sprintf("step %d: %t with %f tokens", i, ok, b.tokens)
					return
				}
				if want {
					b.tokens--
				} else if lack := (1 - b.tokens) / float64(count); wait.Seconds() < lack-tiny || wait.Seconds() > lack+tiny {
					problem = fmt.Sprintf("step %d: wait %s, want %f s", i, wait, lack)
					return
				}
			}
		})
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// TestIdleKeysAreForgotten: by the time their bucket would be full twice over,
// and not before it is full.
func TestIdleKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, "10/s:100", 0) // empty to full: 10 s
		for n := range 1000 {
			l.Allow(fmt.Sprint(n))
		}
		if n := l.Keys(); n != 1000 {
			t.Fatalf("%d keys remembered, want 1000", n)
		}
		time.Sleep(10 * time.Second)
		l.Allow("one")
		time.Sleep(10 * time.Second)
		l.Allow("one")
		if n := l.Keys(); n > 2 {
			t.Errorf("%d keys remembered after two times 10 s", n)
		}
	})
}

// TestMemoryIsBounded: a flood of new keys neither grows the memory nor frees
// the one that goes on asking.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, "1/m:1", 100)
		if _, ok := l.Allow("noisy"); !ok {
			t.Fatal("refused at once")
		}
		for n := range 100_000 {
			l.Allow(fmt.Sprint(n))
			if n%20 == 0 {
				if _, ok := l.Allow("noisy"); ok {
					t.Fatalf("after %d other keys the noisy one was let in again", n)
				}
			}
			if keys := l.Keys(); keys > 101 {
				t.Fatalf("%d keys remembered, want at most 100", keys)
			}
		}
	})
}

// TestRefusalsAreCountedAndSaidOnceAMinute: a flood must not fill the log.
func TestRefusalsAreCountedAndSaidOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		meter, log := counted{}, &bytes.Buffer{}
		l := limit.New[string](limit.Config{
			Kind: "merchant", Rate: limit.Rate{Count: 1, Per: time.Hour, Burst: 1},
			Meter: meter, Log: slog.New(slog.NewTextHandler(log, nil)),
		})
		for range 121 { // seconds 0 to 120
			l.Allow("M1")
			time.Sleep(time.Second)
		}
		if meter["merchant"] != 120 {
			t.Errorf("counted %v, want 120", meter)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "refused=1") || !strings.Contains(lines[1], "refused=60") ||
			!strings.Contains(lines[1], "kind=merchant who=M1 allowed=1/h:1") {
			t.Errorf("log:\n%s", log)
		}
	})
}

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"off": "off", "50/s:200": "50/s:200", "50/s": "50/s:50", "30/m:10": "30/m:10", "1/h:1": "1/h:1",
		"1000000/s:1000000": "1000000/s:1000000", "1/h:1000000": "1/h:1000000",
		"": "", "0/s:1": "", "1/s:0": "", "-1/s:1": "", "+1/s:1": "", "1_0/s:1": "", "1000001/s:1": "", "1/s:1000001": "",
		"50": "", "50/": "", "50/d:1": "", "50/s:": "", ":200": "", "50/s:200:1": "", "50/s/s": "", " 50/s": "", "OFF": "", "5.5/s": "",
	} {
		r, err := limit.ParseRate(text)
		if want == "" {
			if err == nil || r != (limit.Rate{}) || !strings.Contains(err.Error(), "50/s:200") {
				t.Errorf("%q: %v, %v; want a refusal that shows the form", text, r, err)
			}
			continue
		}
		if err != nil || r.String() != want {
			t.Errorf("%q: %v, %v", text, r, err)
		}
		if again, err := limit.ParseRate(r.String()); err != nil || again != r {
			t.Errorf("%q is read as %v, %v", r, again, err)
		}
	}
}

// TestSlowestRate: no arithmetic overflows where a bucket takes 114 years.
func TestSlowestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, "1/h:1000000", 0)
		for n := range 1_000_000 {
			if _, ok := l.Allow("A"); !ok {
				t.Fatalf("request %d refused", n)
			}
		}
		if wait, ok := l.Allow("A"); ok || wait != time.Hour {
			t.Errorf("%t, %s, want 1 h", ok, wait)
		}
	})
}

func BenchmarkAllow(b *testing.B) {
	l := limiter(b, "50/s:200", 0)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Allow("MERCHANTUAT")
		}
	})
}
