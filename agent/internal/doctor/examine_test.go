package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/doctor"
)

// one runs one check, and says what it found in one line: "good: detail -> advice".
func one(t *testing.T, run func(context.Context) doctor.Finding) (line string, took time.Duration) {
	t.Helper()
	f := run(t.Context())
	line = string(f.State) + ": " + f.Detail
	if f.Advice != "" {
		line += " -> " + f.Advice
	}
	if (f.State == doctor.Bad) != (f.Advice != "") && f.State != doctor.Untouched {
		t.Errorf("%q: what is bad, and only that, has advice", line)
	}
	if strings.Contains(line, "\n") {
		t.Errorf("%q is more than a line", line)
	}
	return line, f.Took
}

func TestChecksRunInOrderAndProblemsAreCounted(t *testing.T) {
	t.Parallel()
	found := func(s doctor.State, took time.Duration) func(context.Context) doctor.Finding {
		return func(context.Context) doctor.Finding {
			return doctor.Finding{State: s, Detail: "it is " + string(s), Took: took}
		}
	}
	var told []string
	problems, err := doctor.Examine(t.Context(), []doctor.Test{
		{Name: "a", Run: found(doctor.Good, 31*time.Millisecond+1)},
		{Name: "b", Run: found(doctor.Bad, 0)},
		{Name: "c", Run: found(doctor.Absent, 0)},
		{Name: "d", Run: found(doctor.Untouched, 0)},
		{Name: "e", Run: found(doctor.Bad, 0)},
	}, func(c doctor.Check) {
		told = append(told, fmt.Sprintf("%s %v %s, %s, %d", c.Name, c.OK, c.State, c.Detail, c.MS))
	})
	want := []string{
		"a true good, it is good, 32", "b false bad, it is bad, 0", "c true absent, it is absent, 0",
		"d true untouched, it is untouched, 0", "e false bad, it is bad, 0",
	}
	if problems != 2 || err != nil || !slices.Equal(told, want) {
		t.Fatalf("%d problems, %v, %q", problems, err, told)
	}
}

// TestACheckThatHangsIsGivenUp: the others are still made.
func TestACheckThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		defer close(let)
		begun := time.Now()
		var told []doctor.Check
		problems, err := doctor.Examine(t.Context(), []doctor.Test{
			{Name: "hangs", Limit: 3 * time.Second, Run: func(context.Context) doctor.Finding { <-let; return doctor.Finding{} }},
			{Name: "heeds", Limit: 2 * time.Second, Run: func(ctx context.Context) doctor.Finding {
				<-ctx.Done()
				return doctor.Finding{State: doctor.Bad, Detail: "heard nothing"}
			}},
		}, func(c doctor.Check) { told = append(told, c) })
		if problems != 2 || err != nil || len(told) != 2 || told[0].Detail != "no answer for 3s" || told[1].Detail != "heard nothing" {
			t.Errorf("%d problems, %v, %+v", problems, err, told)
		}
		if took := time.Since(begun); took != 6*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestExaminationEndsWhenItIsToldTo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	problems, err := doctor.Examine(ctx, []doctor.Test{
		{Name: "a", Run: func(context.Context) doctor.Finding { cancel(); return doctor.Finding{State: doctor.Bad} }},
		{Name: "b", Run: func(context.Context) doctor.Finding { t.Error("it goes on"); return doctor.Finding{} }},
	}, func(doctor.Check) { t.Error("it tells of what was cut off") })
	if problems != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d problems, %v", problems, err)
	}
}
