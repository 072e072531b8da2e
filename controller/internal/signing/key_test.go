package signing

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// day is the moment of every row; hours are counted from it.
var day = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// ring makes a reading from lines "number created activated retired", hours
// from now, "-" for never.
func ring(t *testing.T, lines ...string) Stored {
	t.Helper()
	s := Stored{Version: 7, Now: day}
	for _, line := range lines {
		f := strings.Fields(line)
		at := func(hours string) time.Time {
			if hours == "-" {
				return time.Time{}
			}
			d, err := time.ParseDuration(hours + "h")
			if err != nil {
				t.Fatal(err)
			}
			return day.Add(d)
		}
		s.Keys = append(s.Keys, Key{
			ID: idPrefix + f[0], Public: bytes.Repeat([]byte(f[0][:1]), 32),
			CreatedAt: at(f[1]), ActivatedAt: at(f[2]), RetiredAt: at(f[3]),
		})
	}
	s, err := s.sorted()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStates: the state follows from the three times and the time that it is.
func TestStates(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		lines []string
		want  string // states in the order of the numbers
	}{
		{"the first key", []string{"1 -9 -9 -"}, "active"},
		{"a key is created", []string{"1 -9 -9 -", "2 -1 - -"}, "active next"},
		{"its time is set", []string{"1 -9 -9 -", "2 -1 1 -"}, "active next"},
		{"its time has come", []string{"1 -9 -9 -", "2 -1 0 -"}, "retiring active"},
		{"long ago", []string{"1 -9 -9 -", "2 -8 -7 -"}, "retiring active"},
		{"the old one is retired", []string{"1 -9 -9 -1", "2 -8 -7 -"}, "retired active"},
		{"the next one is retired", []string{"1 -9 -9 -", "2 -1 - 0"}, "active retired"},
		{"one of each", []string{"1 -9 -9 -5", "2 -8 -7 -", "3 -6 -5 -", "4 -1 - -"}, "retired retiring active next"},
		{"two retire", []string{"1 -9 -9 -", "2 -8 -7 -", "3 -6 -5 -"}, "retiring retiring active"},
		{"by number, not by letter", []string{"10 -1 - -", "9 -8 -7 -", "2 -9 -9 -"}, "retiring active next"},
		{"made in one moment", []string{"1 0 0 -", "2 0 0 -"}, "retiring active"},
		{"the clock was set back", []string{"1 -9 -9 -", "2 4 5 -"}, "active next"},
		{"set back behind all of them", []string{"1 3 3 -", "2 4 5 -"}, "active next"},
		{"set back, and forced since", []string{"1 3 3 -", "2 4 5 -", "3 0 0 -"}, "retiring retiring active"},
	} {
		s := ring(t, row.lines...)
		var got []string
		for _, k := range s.Keys {
			got = append(got, string(s.State(k)))
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%s: %v, want %s", row.name, got, row.want)
		}
	}
}

// TestChanges is every change in every situation: the times that it sets, or
// why it is refused. The delay is an hour, the grace two.
func TestChanges(t *testing.T) {
	t.Parallel()
	create := func(s Stored) (Key, error) { id, err := s.mayCreate(); return Key{ID: id}, err }
	rotate := func(s Stored) (Key, error) { return s.rotate(time.Hour, false) }
	force := func(s Stored) (Key, error) { return s.rotate(time.Hour, true) }
	retire := func(n int) func(Stored) (Key, error) {
		return func(s Stored) (Key, error) { return s.retire(fmt.Sprint(idPrefix, n), 2*time.Hour, false) }
	}
	throwOut := func(n int) func(Stored) (Key, error) {
		return func(s Stored) (Key, error) { return s.retire(fmt.Sprint(idPrefix, n), 2*time.Hour, true) }
	}
	full := []string{"1 -9 -9 -"}
	for n := 2; n <= maxKeys; n++ {
		full = append(full, fmt.Sprintf("%d -8 -%f -", n, 7-float64(n)/10))
	}
	one, next, pending := []string{"1 -9 -9 -"}, []string{"1 -9 -9 -", "2 -0.25 - -"}, []string{"1 -9 -9 -", "2 -0.25 0.75 -"}
	old, fresh := []string{"1 -9 -9 -", "2 -3 -2 -"}, []string{"1 -9 -9 -", "2 -3 -1.5 -"}
	for _, row := range []struct {
		name   string
		change func(Stored) (Key, error)
		lines  []string
		want   string // "number activated retired"
		err    error
	}{
		{"create beside one", create, one, "2 - -", nil},
		{"create after one has left", create, []string{"1 -9 -9 -", "2 -8 - -7"}, "3 - -", nil},
		{"create the eleventh", create, []string{"10 -9 -9 -", "9 -9 -9 -8"}, "11 - -", nil},
		{"create beside a next", create, next, "", ErrHasNext},
		{"create beside one whose time is set", create, pending, "", ErrHasNext},
		{"create into a full set", create, full, "", ErrFull},

		{"rotate to nothing", rotate, one, "", ErrNoNext},
		{"rotate to nothing by force", force, old, "", ErrNoNext},
		{"rotate to a young key", rotate, next, "2 0.75 -", nil},
		{"rotate to a young key by force", force, next, "2 0 -", nil},
		{"rotate to a key of an hour", rotate, []string{"1 -9 -9 -", "2 -1 - -"}, "2 0 -", nil},
		{"rotate to an old key", rotate, []string{"1 -9 -9 -", "2 -8 - -"}, "2 0 -", nil},
		{"rotate again", rotate, pending, "", ErrPending},
		{"rotate again by force", force, pending, "2 0 -", nil},

		{"retire nobody", retire(9), one, "", ErrNoKey},
		{"retire the only one", retire(1), one, "", ErrActive},
		{"retire the only one by force", throwOut(1), one, "", ErrActive},
		{"retire the active of two", throwOut(2), old, "", ErrActive},
		{"retire a next one", retire(2), next, "2 - 0", nil},
		{"retire a next one whose time is set", retire(2), pending, "2 - 0", nil},
		{"retire a next one whose time is near", retire(2), []string{"1 -9 -9 -", "2 -1 0.003 -"}, "", ErrInUse},
		{"retire a next one whose time is near, by force", throwOut(2), []string{"1 -9 -9 -", "2 -1 0.003 -"}, "2 - 0", nil},
		{"retire a next one whose time is not so near", retire(2), []string{"1 -9 -9 -", "2 -1 0.004 -"}, "2 - 0", nil},
		{"retire the one before it", throwOut(1), pending, "", ErrActive},
		{"retire one that was relieved two hours ago", retire(1), old, "1 -9 0", nil},
		{"retire one that was relieved since", retire(1), fresh, "", ErrInUse},
		{"retire one that was relieved since, by force", throwOut(1), fresh, "1 -9 0", nil},
		{"retire one whose relief has left since", retire(1), []string{"1 -9 -9 -", "2 -8 -3 -1", "3 -2 -1 -"}, "1 -9 0", nil},
		{"retire twice", retire(1), []string{"1 -9 -9 -1", "2 -8 -3 -"}, "", ErrRetired},
		{"retire twice by force", throwOut(1), []string{"1 -9 -9 -1", "2 -8 -3 -"}, "", ErrRetired},
	} {
		s := ring(t, row.lines...)
		k, err := row.change(s)
		if !errors.Is(err, row.err) || (row.err != nil) != Refused(err) {
			t.Errorf("%s: %v, want %v", row.name, err, row.err)
			continue
		}
		if row.err != nil {
			continue
		}
		hours := func(at time.Time) string {
			if at.IsZero() {
				return "-"
			}
			return fmt.Sprint(at.Sub(day).Hours())
		}
		got := strings.Join([]string{strings.TrimPrefix(k.ID, idPrefix), hours(k.ActivatedAt), hours(k.RetiredAt)}, " ")
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// TestRefusalsSayWhy: an operator reads when it will do.
func TestRefusalsSayWhy(t *testing.T) {
	t.Parallel()
	_, pending := ring(t, "1 -9 -9 -", "2 -0.25 0.75 -").rotate(time.Hour, false)
	_, inUse := ring(t, "1 -9 -9 -", "2 -3 -1.5 -").retire("online-key-1", 2*time.Hour, false)
	for _, row := range []struct {
		err  error
		says string
	}{
		{pending, "online-key-2 signs from 2026-11-21T12:45:00Z on"},
		{inUse, "online-key-1 may be retired from 2026-11-21T12:30:00Z on"},
	} {
		if row.err == nil || !strings.Contains(row.err.Error(), row.says) {
			t.Errorf("%v does not say %q", row.err, row.says)
		}
	}
	if Refused(errors.New("the database is away")) || Refused(ErrForged) || Refused(nil) {
		t.Error("a failure passes for a refusal")
	}
}

// TestVersions rise by one at least, and are never behind the clock.
func TestVersions(t *testing.T) {
	t.Parallel()
	clock := uint64(day.Unix())
	for _, row := range []struct {
		version uint64
		now     time.Time
		want    uint64
	}{
		{0, day, clock}, {1, day, clock}, {clock - 1, day, clock}, {clock, day, clock + 1}, {clock + 5, day, clock + 6},
		{3, time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), 4}, // a database without a clock
	} {
		if got := (Stored{Version: row.version, Now: row.now}).nextVersion(); got != row.want {
			t.Errorf("after version %d: %d, want %d", row.version, got, row.want)
		}
	}
}

// TestRowsThatAreNoKeys stop the ring.
func TestRowsThatAreNoKeys(t *testing.T) {
	t.Parallel()
	good := Key{ID: "online-key-1", Public: bytes.Repeat([]byte{1}, 32), CreatedAt: day}
	for _, change := range []func(*Key){
		func(k *Key) { k.ID = "" },
		func(k *Key) { k.ID = "online-key-" },
		func(k *Key) { k.ID = "online-key-0" },
		func(k *Key) { k.ID = "online-key--1" },
		func(k *Key) { k.ID = "online-key-01" },
		func(k *Key) { k.ID = "online-key-+1" },
		func(k *Key) { k.ID = "online-key-1 " },
		func(k *Key) { k.ID = "online-key-99999999999999999999" },
		func(k *Key) { k.ID = "root-key" },
		func(k *Key) { k.Public = k.Public[:31] },
		func(k *Key) { k.Public = nil },
		func(k *Key) { k.CreatedAt = time.Time{} },
	} {
		bad := good
		change(&bad)
		if _, err := (Stored{Keys: []Key{bad}}).sorted(); !errors.Is(err, ErrForged) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := (Stored{Keys: []Key{good}}).sorted(); err != nil {
		t.Error(err)
	}
}
