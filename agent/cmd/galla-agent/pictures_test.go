package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
)

// TestPicturesAreUpToDate: each that a guide shows is what the terminal shows now,
// there are no others, and together they are small; -update draws them anew.
func TestPicturesAreUpToDate(t *testing.T) { // not in parallel, as above
	wanted := map[string]bool{}
	for _, file := range []string{"field-guide.md", "cashier-card.md"} {
		text, err := os.ReadFile(filepath.Join(docs, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`pictures/([a-z-]+)-(en|hi)\.png`).FindAllSubmatch(text, -1) {
			wanted[string(found[1])+"-"+string(found[2])+".png"] = true
		}
	}
	kind, err := panel.Lookup("st7789")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for name := range wanted {
		state, lang := name[:len(name)-len("-en.png")], name[len(name)-len("en.png"):len(name)-len(".png")]
		s, err := lookState(state)
		if err != nil {
			t.Fatal(err)
		}
		s.view.Version = "" // a picture is not made anew for every version
		img, err := s.draw(kind, screen.Lang(lang))
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&want, fewColours(img)); err != nil {
			t.Fatal(err)
		}
		total += want.Len()
		path := filepath.Join(docs, "pictures", name)
		if *update {
			if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := os.ReadFile(path); err != nil || !samePicture(t, text, want.Bytes()) {
			t.Errorf("%s is not what the terminal shows (%v): go test ./agent/cmd/galla-agent -update", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(docs, "pictures"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !wanted[e.Name()] {
			t.Errorf("docs/pictures/%s is shown nowhere", e.Name())
		}
	}
	if total > 300_000 {
		t.Errorf("the pictures have %d bytes", total)
	}
}

// fewColours is a picture with a palette, if its colours fit in one: its PNG is a
// third as large.
func fewColours(img *image.RGBA) image.Image {
	var palette color.Palette
	at := map[color.RGBA]uint8{}
	small := image.NewPaletted(img.Rect, nil)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			c := img.RGBAAt(x, y)
			i, known := at[c]
			if !known {
				if len(palette) == 256 {
					return img
				}
				i = uint8(len(palette))
				at[c], palette = i, append(palette, c)
			}
			small.SetColorIndex(x, y, i)
		}
	}
	small.Palette = palette
	return small
}

// samePicture compares pixels: how a PNG is packed depends on the Go release.
func samePicture(t *testing.T, a, b []byte) bool {
	t.Helper()
	one, errOne := png.Decode(bytes.NewReader(a))
	two, errTwo := png.Decode(bytes.NewReader(b))
	if errOne != nil || errTwo != nil || one.Bounds() != two.Bounds() {
		return false
	}
	for y := range one.Bounds().Max.Y {
		for x := range one.Bounds().Max.X {
			if one.At(x, y) != two.At(x, y) {
				return false
			}
		}
	}
	return true
}
