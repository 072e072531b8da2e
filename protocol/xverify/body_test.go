package xverify_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/xverify"
	"pgregory.net/rapid"
)

func TestDecodeBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       string
		ok         bool
	}{
		{"standard", "eyJhIjoxfQ==", `{"a":1}`, true},
		{"standard letters", "+/+/", "\xfb\xff\xbf", true},
		{"standard letters, padded", "+/8=", "\xfb\xff", true},
		{"URL-safe letters", "-_-_", "\xfb\xff\xbf", true},
		{"URL-safe, padded", "-_8=", "\xfb\xff", true},
		{"URL-safe, not padded", "-_8", "\xfb\xff", true},
		{"letters of both alphabets, not padded", "eyJhIjoxfQ", `{"a":1}`, true},
		{"nothing", "", "", true},
		{"standard letters need their padding", "+/8", "", false},
		{"mixed alphabets", "+_8=", "", false},
		{"mixed alphabets without padding", "-/+_", "", false},
		{"half the padding", "eyJhIjoxfQ=", "", false},
		{"too much padding", "eyJhIjoxfQ===", "", false},
		{"padding in the middle", "eyJh=IjoxfQ=", "", false},
		{"bytes after the padding", "eyJhIjoxfQ==eyJh", "", false},
		{"dirty trailing bits", "eyJhIjoxfR==", "", false},
		{"dirty trailing bits, not padded", "eyJhIjoxfR", "", false},
		{"one letter left over", "eyJhI", "", false},
		{"line break", "eyJhIjox\nfQ==", "", false},
		{"carriage return", "eyJhIjox\rfQ==", "", false},
		{"line break at the end", "eyJhIjoxfQ==\n", "", false},
		{"line break alone", "\n", "", false},
		{"space", "eyJh IjoxfQ==", "", false},
		{"space at the start", " eyJhIjoxfQ==", "", false},
		{"percent escape", "eyJhIjoxfQ%3D%3D", "", false},
		{"not ASCII", "eyJhIjoxfQ＝＝", "", false},
		{"only padding", "====", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := xverify.DecodeBody(tt.text)
			if !tt.ok {
				if !errors.Is(err, xverify.ErrBase64) || got != nil {
					t.Fatalf("DecodeBody = %q, %v; want ErrBase64", got, err)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Fatalf("DecodeBody = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestBodyRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		for _, text := range []string{
			xverify.EncodeBody(data), base64.URLEncoding.EncodeToString(data), base64.RawURLEncoding.EncodeToString(data),
		} {
			got, err := xverify.DecodeBody(text)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("DecodeBody(%q) = %x, %v; want %x", text, got, err, data)
			}
		}
	})
}

// What DecodeBody takes must be one of the three spellings that an encoder
// writes for the bytes it returns: nothing has a fourth.
func FuzzDecodeBody(f *testing.F) {
	for _, seed := range []string{"eyJhIjoxfQ==", "-_8", "+/8=", "eyJhIjoxfR==", "AA\nAA", "-/8="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data, err := xverify.DecodeBody(text)
		std := base64.StdEncoding.EncodeToString(data)
		url := strings.NewReplacer("+", "-", "/", "_").Replace(std)
		oneOf := text == std || text == url || text == strings.TrimRight(url, "=")
		if err == nil && !oneOf {
			t.Fatalf("%q is taken as %x, which nobody writes so", text, data)
		}
	})
}
