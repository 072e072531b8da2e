package spool

import (
	"bytes"
	"testing"

	"github.com/galla-pay/galla/agent/internal/machine"
)

// FuzzRecord: what decodes is what was encoded, and nothing else decodes.
func FuzzRecord(f *testing.F) {
	rec := newRecord().with([]machine.Fact{{Kind: "received", PaymentID: "A"}})
	good, err := encode(rec)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decode(b)
		if err != nil {
			if got != nil {
				t.Fatalf("both %+v and %v", got, err)
			}
			return
		}
		again, err := encode(*got)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if third, err := encode(*back); err != nil || !bytes.Equal(third, again) {
			t.Fatalf("%+v became %+v, %v", got, back, err)
		}
	})
}
