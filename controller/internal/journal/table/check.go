package table

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// Keepable reports whether every storage keeps a text as it is: PostgreSQL
// refuses NUL bytes and what is not UTF-8.
func Keepable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Check refuses rows that hold a text which is not Keepable, with
// journal.ErrText.
func (t Table[T]) Check(rows []T) error {
	for _, c := range t.Columns {
		for i := range rows {
			ok := true
			switch c.Kind {
			case Text:
				ok = Keepable(c.Text(&rows[i]))
			case List:
				for _, s := range c.List(&rows[i]) {
					ok = ok && Keepable(s)
				}
			}
			if !ok {
				return fmt.Errorf("%s.%s: %w", t.Name, c.Name, journal.ErrText)
			}
		}
	}
	return nil
}
