package storagetest

import (
	"fmt"
	"slices"
	"time"
)

func number(i int) string { return fmt.Sprintf("%04d", i) }

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// micro is what is kept of a time.
func micro(t time.Time) time.Time { return t.Truncate(time.Microsecond) }
