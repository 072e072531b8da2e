package cardlinktest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/cardlink/cardlinktest"
	"pgregory.net/rapid"
)

func TestFindPAN(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"4111111111111111", "4111111111111111"},
		{`{"pan":"4111111111111111"}`, "4111111111111111"},
		{"4111 1111 1111 1111", "4111111111111111"},
		{"4111-1111-1111-1111", "4111111111111111"},
		{"4 1 1 1-1 1 1-1-1 1 1 1 1 1 1 1", "4111111111111111"},
		{"ref=4111111111111111,", "4111111111111111"},
		{"\x00\xff4111111111111111\xff", "4111111111111111"},
		{"0004111111111111111", "4111111111111111"},
		{"4111111111111113", ""},            // the rule does not hold, nor in a part of it
		{"4111  1111 1111 1111", ""},        // two spaces part two numbers
		{"4111x1111x1111x1111", ""},         // letters do
		{"411111111111", ""},                // twelve digits
		{"rrn 632512004217 last4 4242", ""}, // as an approval is logged
	} {
		pan, found := cardlinktest.FindPAN([]byte(tt.text))
		if found != (tt.want != "") || found && !strings.HasSuffix(pan, tt.want) && !strings.HasSuffix(tt.want, pan) {
			t.Errorf("%q: found %q %v, want %q", tt.text, pan, found, tt.want)
		}
	}
	for _, pan := range cardlinktest.PANs() {
		if _, found := cardlinktest.FindPAN([]byte(pan)); !found || !cardlinktest.Luhn(pan) {
			t.Errorf("%s is not found", pan)
		}
	}
}

// Every number that keeps the rule is found, wherever it is and however it is
// written.
func TestFindPANFindsAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pan := rapid.StringMatching(`[0-9]{12,18}`).Draw(t, "digits")
		for d := range 10 {
			if whole := fmt.Sprint(pan, d); cardlinktest.Luhn(whole) {
				pan = whole
				break
			}
		}
		var written strings.Builder
		for i, c := range pan {
			if i > 0 {
				written.WriteString(rapid.SampledFrom([]string{"", " ", "-"}).Draw(t, "between"))
			}
			written.WriteRune(c)
		}
		text := append(rapid.SliceOf(rapid.Byte()).Draw(t, "before"), written.String()...)
		text = append(text, rapid.SliceOf(rapid.Byte()).Draw(t, "behind")...)
		if _, found := cardlinktest.FindPAN(text); !found {
			t.Fatalf("%s in %q is not found", pan, text)
		}
	})
}
