package signals

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestQuietHours(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		hours string
		at    string
		quiet bool
	}{
		{"22:00-07:00", "21:59", false}, {"22:00-07:00", "22:00", true}, {"22:00-07:00", "23:59", true},
		{"22:00-07:00", "00:00", true}, {"22:00-07:00", "06:59", true}, {"22:00-07:00", "07:00", false},
		{"13:30-15:00", "13:29", false}, {"13:30-15:00", "13:30", true}, {"13:30-15:00", "14:59", true},
		{"13:30-15:00", "15:00", false}, {"13:30-15:00", "00:00", false},
		{"00:00-23:59", "00:00", true}, {"00:00-23:59", "23:59", false}, {"23:59-00:00", "23:59", true}, {"23:59-00:00", "00:00", false},
		{"", "03:00", false}, {"05:00-05:00", "05:00", false},
	} {
		q, err := ParseQuietHours(row.hours)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.ParseInLocation("15:04", row.at, time.FixedZone("IST", 5*3600+1800))
		if err != nil {
			t.Fatal(err)
		}
		if got := q.At(at); got != row.quiet {
			t.Errorf("%s is within %q: %v", row.at, row.hours, got)
		}
	}
}

// TestQuietHoursThatAreNone are refused, and leave nothing behind.
func TestQuietHoursThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"22:00", "22:00-", "-07:00", "22-07", "24:00-07:00", "22:60-07:00", "22:00-7:00", "22:00 - 07:00", "22:00-07:00 ",
		"22.00-07.00", "+2:00-07:00", "-2:00-07:00", "22:00-07:00-08:00", "always", "२२:00-07:00",
	} {
		q := QuietHours{From: 1, To: 2}
		if err := q.UnmarshalText([]byte(text)); !errors.Is(err, ErrQuietHours) || q != (QuietHours{}) {
			t.Errorf("%q: %v, %v", text, q, err)
		}
	}
}

// TestQuietHoursAsText: whatever can be written is read back.
func TestQuietHoursAsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minute := rapid.IntRange(0, 24*60-1)
		q := QuietHours{From: minute.Draw(t, "from"), To: minute.Draw(t, "to")}
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var back QuietHours
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		for m := range 24 * 60 {
			at := time.Date(2026, 11, 22, 0, m, 30, 0, time.UTC)
			if q.At(at) != back.At(at) {
				t.Fatalf("%s: differs at %s", text, at)
			}
		}
	})
}

func TestVolume(t *testing.T) {
	t.Parallel()
	night, day := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	hours := QuietHours{From: 22 * 60, To: 7 * 60}
	for _, row := range []struct {
		volume   Volume
		day, at  int // noon, 23:00
		checksOK bool
	}{
		{Volume{Day: 80, Quiet: 20, Hours: hours}, 80, 20, true},
		{Volume{Day: 100, Quiet: 0, Hours: hours}, 100, 0, true},
		{Volume{Day: 80, Quiet: 20}, 80, 80, true},
		{Volume{}, 0, 0, true},
		{DefaultVolume(), 80, 80, true},
		{Volume{Day: 101, Quiet: -1, Hours: hours}, 100, 0, false},
		{Volume{Day: 50, Quiet: 101, Hours: hours}, 50, 100, false},
	} {
		if got, quiet := row.volume.At(day), row.volume.At(night); got != row.day || quiet != row.at {
			t.Errorf("%+v is %d, and %d at night", row.volume, got, quiet)
		}
		if err := row.volume.Check(); (err == nil) != row.checksOK {
			t.Errorf("%+v: %v", row.volume, err)
		}
	}
}

// TestAWrongClock: a device whose clock is years off is loud at the wrong time,
// and that is all.
func TestAWrongClock(t *testing.T) {
	t.Parallel()
	v := Volume{Day: 80, Quiet: 20, Hours: QuietHours{From: 22 * 60, To: 7 * 60}}
	for _, year := range []int{-1, 1, 1970, 2016, 2036, 9999, 292_277_026_596} {
		at := time.Date(year, 1, 1, 12, 0, 0, 0, time.UTC)
		if v.At(at) != 80 {
			t.Errorf("at noon of the year %d it is %d", year, v.At(at))
		}
	}
}
