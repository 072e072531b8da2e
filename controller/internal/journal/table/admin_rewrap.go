package table

import (
	"errors"
	"fmt"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/seal"
)

// Rewrap seals secrets anew, by another key.
type Rewrap struct {
	From, To *seal.Box
	// Rows are to be written, unless Already.
	Rows  []Resealed
	fresh int // rows that stand under the new key as they are
	done  record.Rewrapped
}

// Resealed is a row and what is to stand in its column sealed.
type Resealed struct {
	Column SealedColumn
	Key    []string
	Sealed []byte
}

// ErrMixed is returned for secrets of which some stand under the one key and
// some under the other. No change of the key leaves that behind.
var ErrMixed = errors.New("some secrets are sealed by the old key and some by the new one")

// Add adds a row as it stands, or says why it cannot be opened: by neither key,
// or the rows so far by the other.
func (r *Rewrap) Add(column SealedColumn, key []string, sealed []byte) error {
	name := column.SealName(key)
	secret, err := r.From.Open(name, sealed)
	if errors.Is(err, seal.ErrKey) {
		if _, other := r.To.Open(name, sealed); other != nil {
			return fmt.Errorf("neither key opens everything: %w", err)
		}
		r.fresh++
	} else if err != nil {
		return err
	} else {
		r.Rows = append(r.Rows, Resealed{column, key, r.To.Seal(name, secret)})
	}
	if column.Table == SaltKeys.Name {
		r.done.SaltKeys++
	} else {
		r.done.Secrets++
	}
	if r.fresh > 0 && len(r.Rows) > 0 {
		return ErrMixed
	}
	return nil
}

// Already reports whether all rows stand under the new key as they are.
func (r *Rewrap) Already() bool { return r.fresh > 0 }

// Done is what there was to do.
func (r *Rewrap) Done() record.Rewrapped {
	r.done.Already = r.Already()
	return r.done
}

// SealKeyID is the id of a key, as it stands in all that the key seals (package
// seal: bytes 2 to 9) and in table seal_key.
func SealKeyID(box *seal.Box) []byte { return box.Seal("", nil)[1:9] }
