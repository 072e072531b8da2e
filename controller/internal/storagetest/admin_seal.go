package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/seal"
)

// sealBox is one of several keys.
func sealBox(t *testing.T, n byte) *seal.Box {
	t.Helper()
	box, err := seal.FromKey([]byte(strings.Repeat(string('a'+rune(n)), seal.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// secretsOf puts secrets into a storage, and says whether they open.
func secretsOf(t *testing.T, o office) (opens func(Administered) bool) {
	t.Helper()
	var c record.Changes
	for i := range 30 {
		index := fmt.Sprint(i + 1)
		c.NewKeys = append(c.NewKeys, merchant.SaltKey{Owner: "A", Index: index, Secret: merchant.Secret("secret number " + index)})
		if _, err := o.PutSecret(t.Context(), "secret "+index, []byte("value "+index)); err != nil {
			t.Fatal(err)
		}
	}
	o.must(t, c)
	return func(s Administered) bool {
		t.Helper()
		dir, err := s.Directory(t.Context())
		good := 0
		for _, k := range c.NewKeys {
			if err == nil {
				if got, ok := dir.SaltKey("A", k.Index); ok && got.Secret == k.Secret {
					good++
				}
			}
			if v, err := s.Secret(t.Context(), "secret "+k.Index); err == nil && string(v) == "value "+k.Index {
				good++
			} else if err != nil && !errors.Is(err, seal.ErrKey) {
				t.Error(err)
			}
		}
		if good != 0 && good != 60 {
			t.Errorf("%d of 60 secrets open: a mix", good)
		}
		return good == 60
	}
}

func adminRewraps(t *testing.T, o office) {
	opens := secretsOf(t, o)
	newBox := sealBox(t, 2)
	renewed := o.open(newBox)
	if !opens(o.Administered) || opens(renewed) {
		t.Fatal("the old key does not open, or the new one does")
	}
	if _, err := renewed.Rewrap(t.Context(), sealBox(t, 3)); !errors.Is(err, seal.ErrKey) || !opens(o.Administered) {
		t.Errorf("a stranger's key: %v", err)
	}
	if done, err := o.Rewrap(t.Context(), newBox); err != nil || done != (record.Rewrapped{SaltKeys: 30, Secrets: 30}) {
		t.Fatalf("rewrapped %+v, %v", done, err)
	}
	if opens(o.Administered) || !opens(renewed) {
		t.Fatal("the new key does not open, or the old one does")
	}
	if done, err := o.Rewrap(t.Context(), newBox); err != nil || done != (record.Rewrapped{SaltKeys: 30, Secrets: 30, Already: true}) {
		t.Errorf("again: %+v, %v", done, err)
	}
	if done, err := renewed.Rewrap(t.Context(), sealBox(t, 1)); err != nil || done.Already || !opens(o.Administered) {
		t.Errorf("and back: %+v, %v", done, err)
	}
}

func adminOldKey(t *testing.T, o office) {
	newBox := sealBox(t, 2)
	renewed := o.open(newBox)
	if _, err := o.Rewrap(t.Context(), newBox); err != nil {
		t.Fatal(err)
	}
	key := func(index string) record.Changes {
		return record.Changes{NewKeys: []merchant.SaltKey{{Owner: "A", Index: index, Secret: "a secret of sixteen"}}}
	}
	if err := o.try(t, key("1")); err == nil || !strings.Contains(err.Error(), "the sealing key was changed") {
		t.Errorf("a salt key by the old key: %v", err)
	}
	if _, err := o.PutSecret(t.Context(), "late", []byte("x")); err == nil || !strings.Contains(err.Error(), "the sealing key was changed") {
		t.Errorf("a secret by the old key: %v", err)
	}
	if err := renewed.Administer(t.Context(), record.Needs{}, func(record.Snapshot) (record.Changes, error) {
		c := key("2")
		c.Audit = []record.Entry{{At: day, Details: "{}"}}
		return c, nil
	}); err != nil {
		t.Errorf("a salt key by the new key: %v", err)
	}
	if _, err := renewed.PutSecret(t.Context(), "late", []byte("x")); err != nil {
		t.Errorf("a secret by the new key: %v", err)
	}
	// What is not sealed can still be changed by whoever has the old key.
	end := merchant.SaltKey{Owner: "A", Index: "2", NotAfter: day}
	if err := o.try(t, record.Changes{Keys: []merchant.SaltKey{end}}); err != nil {
		t.Errorf("to end a key: %v", err)
	}
}
