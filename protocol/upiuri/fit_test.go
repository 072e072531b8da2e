package upiuri_test

import (
	"crypto/elliptic"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/upiuri"
	"pgregory.net/rapid"
)

// The keys are left out one after the other, in the order of DropOrder, and
// the ones that a payment depends on never.
func TestFitDropsInOrder(t *testing.T) {
	t.Parallel()
	key := newKey(t, elliptic.P256())
	var offered []string
	var length int
	text, err := upiuri.Fit(full(), key, func(text string) bool {
		length = len(text)
		offered = append(offered, strings.Join(keysOf(t, text), " "))
		return false
	})
	if !errors.Is(err, upiuri.ErrTooDense) {
		t.Fatalf("err = %v, want ErrTooDense", err)
	}
	want := []string{
		"ver mode pa pn mc tr am mam cu mid msid mtid orgid QRts QRexpire sign",
		"ver mode pa pn mc tr am mam cu mid msid orgid QRts QRexpire sign",
		"ver mode pa pn mc tr am mam cu mid orgid QRts QRexpire sign",
		"ver mode pa pn mc tr am mam cu orgid QRts QRexpire sign",
		"ver mode pa pn mc tr am cu orgid QRts QRexpire sign",
		"ver mode pa pn mc tr am cu QRts QRexpire sign",
		"mode pa pn mc tr am cu QRts QRexpire sign",
		"mode pa pn mc tr am QRts QRexpire sign",
		"mode pa mc tr am QRts QRexpire sign",
	}
	if !slices.Equal(offered, want) {
		t.Errorf("offered\n%s\nwant\n%s", strings.Join(offered, "\n"), strings.Join(want, "\n"))
	}
	if got := strings.Join(keysOf(t, text), " "); got != want[len(want)-1] {
		t.Errorf("the text with ErrTooDense has %s", got)
	}
	if _, err := upiuri.Verify(text, &key.PublicKey); err != nil || len(text) != length {
		t.Errorf("%d bytes were offered, the text has %d: %v", length, len(text), err)
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	key := newKey(t, elliptic.P256())
	whole := mustSign(t, full(), key)
	for _, tt := range []struct {
		name string
		max  int
		want string // the keys left out
	}{
		{"all of it fits", len(whole), ""},
		{"one byte too many", len(whole) - 1, "mtid"},
		{"without the terminal id", len(whole) - len("&mtid=testterminal1"), "mtid"},
		{"one byte less", len(whole) - len("&mtid=testterminal1") - 1, "mtid msid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := upiuri.Fit(full(), key, upiuri.MaxBytes(tt.max))
			if err != nil || len(text) > tt.max {
				t.Fatalf("Fit = %d bytes of %d, %v", len(text), tt.max, err)
			}
			var left []string
			for _, k := range upiuri.DropOrder() {
				if !slices.Contains(keysOf(t, text), k) {
					left = append(left, k)
				}
			}
			if got := strings.Join(left, " "); got != tt.want {
				t.Errorf("left out %q, want %q", got, tt.want)
			}
		})
	}
}

// What Fit returns says nothing else than the link did, and no key less than it had to.
func TestFitProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := anyLink().Draw(t, "link")
		l.Sign = ""
		whole, err := l.Build()
		if err != nil {
			t.Fatal(err)
		}
		limit := rapid.IntRange(0, len(whole)+1).Draw(t, "limit")
		longer := ""
		text, err := upiuri.Fit(l, nil, func(text string) bool {
			if len(text) > limit {
				longer = text
			}
			return len(text) <= limit
		})
		if (err == nil) != (len(text) <= limit) || (err != nil && !errors.Is(err, upiuri.ErrTooDense)) {
			t.Fatalf("Fit = %d bytes of %d, %v", len(text), limit, err)
		}
		got, err := upiuri.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got.Mode != l.Mode || got.PA != l.PA || got.MC != l.MC || got.TR != l.TR || got.AM != l.AM || got.QRts != l.QRts || got.QRexpire != l.QRexpire {
			t.Fatalf("%s lost what is never left out", text)
		}
		if longer != "" && longer != text && len(keysIn(longer)) != len(keysIn(text))+1 {
			t.Fatalf("left out more than one key at once:\n%s\n%s", longer, text)
		}
	})
}

func TestFitPassesErrorsOn(t *testing.T) {
	t.Parallel()
	l := full()
	l.PA = ""
	never := func(string) bool { t.Error("asked about a link that cannot be built"); return true }
	if text, err := upiuri.Fit(l, nil, never); !errors.Is(err, upiuri.ErrLink) || text != "" {
		t.Errorf("unsigned: %q, %v; want ErrLink", text, err)
	}
	if text, err := upiuri.Fit(full(), newKey(t, elliptic.P384()), never); !errors.Is(err, upiuri.ErrKey) || text != "" {
		t.Errorf("wrong curve: %q, %v; want ErrKey", text, err)
	}
}

// keysOf returns the keys of a link in their order.
func keysOf(t *testing.T, text string) []string {
	t.Helper()
	if _, err := url.Parse(text); err != nil {
		t.Fatal(err)
	}
	return keysIn(text)
}

func keysIn(text string) []string {
	_, query, _ := strings.Cut(text, "?")
	var keys []string
	for part := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(part, "=")
		keys = append(keys, key)
	}
	return keys
}
