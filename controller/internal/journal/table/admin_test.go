package table

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/seal"
)

func TestAdminTablesAreWellFormed(t *testing.T) {
	t.Parallel()
	check(t, AdminProviders)
	check(t, AdminOrganisations)
	check(t, KeyTimes)
	check(t, Tokens)
	check(t, Audit)
}

// The directory has what is active.
func TestActive(t *testing.T) {
	t.Parallel()
	on := merchant.Organisation{ID: "ON"}
	got := ActiveOrganisations([]record.Organisation{{Organisation: on, Active: true}, {Organisation: merchant.Organisation{ID: "OFF"}}})
	if !reflect.DeepEqual(got, []merchant.Organisation{on}) {
		t.Errorf("organisations %+v", got)
	}
	if p := ActiveProviders([]record.Provider{{ID: "OFF"}, {ID: "ON", Active: true}}); !slices.Equal(p, []Provider{{"ON"}}) {
		t.Errorf("providers %+v", p)
	}
}

// A change of the key seals all rows anew, or none: it refuses what neither key
// opens, what was altered, and a mix.
func TestRewrap(t *testing.T) {
	t.Parallel()
	box := func(letter string) *seal.Box {
		b, err := seal.FromKey([]byte(strings.Repeat(letter, seal.KeySize)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	from, to, third := box("a"), box("b"), box("c")
	secrets := Sealed()[1]
	by := func(b *seal.Box) []byte { return b.Seal(SecretName("x"), []byte("secret")) }
	altered := by(from)
	altered[len(altered)-1] ^= 1
	for what, tt := range map[string]struct {
		rows    [][]byte
		err     error
		already bool
	}{
		"old":       {[][]byte{by(from), by(from)}, nil, false},
		"new":       {[][]byte{by(to), by(to)}, nil, true},
		"none":      {nil, nil, false},
		"a third":   {[][]byte{by(from), by(third)}, seal.ErrKey, false},
		"altered":   {[][]byte{altered}, seal.ErrAltered, false},
		"no secret": {[][]byte{nil}, seal.ErrForm, false},
		"a mix":     {[][]byte{by(from), by(to)}, ErrMixed, false},
		"a mix too": {[][]byte{by(to), by(from)}, ErrMixed, false},
	} {
		r := Rewrap{From: from, To: to}
		var err error
		for _, sealed := range tt.rows {
			if err == nil {
				err = r.Add(secrets, []string{"x"}, sealed)
			}
		}
		if !errors.Is(err, tt.err) || err == nil && (r.Already() != tt.already || r.Done().Secrets != len(tt.rows)) {
			t.Errorf("%s: %v, %+v", what, err, r.Done())
		}
		for _, row := range r.Rows {
			if v, err := to.Open(SecretName("x"), row.Sealed); err != nil || string(v) != "secret" {
				t.Errorf("%s: sealed anew to %q, %v", what, v, err)
			}
		}
	}
	if !reflect.DeepEqual(SealKeyID(to), by(to)[1:9]) || reflect.DeepEqual(SealKeyID(to), SealKeyID(from)) {
		t.Error("the id of a key")
	}
}
