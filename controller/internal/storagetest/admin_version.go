package storagetest

import (
	"errors"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

func adminVersion(t *testing.T, o office) {
	version := func() int64 {
		t.Helper()
		v, err := o.DirectoryVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	at := version()
	rises := func(what string, wanted bool) {
		t.Helper()
		now := version()
		if now > at != wanted || now < at {
			t.Errorf("after %s it is %d, it was %d", what, now, at)
		}
		at = now
	}
	rises("nothing", false)
	c := additions(t)
	o.must(t, c)
	rises("what was added", true)
	changed := c.NewTerminals[0]
	changed.Active = !changed.Active
	o.must(t, record.Changes{Terminals: []merchant.Terminal{changed}})
	rises("a change", true)
	refused := errors.New("refused")
	if err := o.Administer(t.Context(), record.Needs{}, func(record.Snapshot) (record.Changes, error) {
		return record.Changes{}, refused
	}); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	rises("a change that was refused", false)
	bench{Storage: o}.shop(t, "t1")
	rises("a seed and a batch of the journal", false)
}
