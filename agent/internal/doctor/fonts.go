package doctor

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"strings"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
)

// latin is what amounts, ids, codes and English words are written with.
const latin = "₹0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.,:;-_/@&()'\"!?+*#%…×»"

// devanagari are letters that stand alone, signs are those that need one before
// them: vowels, nasals, and the stroke that joins letters.
const (
	devanagari = "अआइईउऊऋएऐऑओऔकखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह।"
	signs      = "ािीुूृेैॉोौंँः़्"
)

// Fonts looks whether the renderer has a picture of every letter that its
// languages are written with, the rupee sign among them: a letter without one is
// left out of every text.
func Fonts(context.Context) Finding {
	r, err := screen.New(probeSize)
	if err != nil {
		return bad("install galla-agent again", "%s", oneLine(err))
	}
	blank, err := probe(r, "")
	if err != nil {
		return bad("install galla-agent again", "%s", oneLine(err))
	}
	var lacking []string
	look := func(text string, without []byte) {
		if got, err := probe(r, text); err != nil || bytes.Equal(got, without) {
			lacking = append(lacking, text)
		}
	}
	for _, c := range latin + devanagari {
		look(string(c), blank)
	}
	const letter = "क"
	plain, err := probe(r, letter)
	if err != nil {
		return bad("install galla-agent again", "%s", oneLine(err))
	}
	for _, c := range signs {
		look(letter+string(c), plain)
	}
	if len(lacking) > 0 {
		return bad("install galla-agent again: its fonts are part of it", "no picture of %s", strings.Join(lacking, " "))
	}
	return good("₹ and every letter of %s", languages())
}

// probeSize is that of the e-paper: of the panels with room for a name the one
// with the fewest pixels.
var probeSize = image.Pt(122, 250)

// probe is the idle picture with that name.
func probe(r *screen.Renderer, name string) ([]byte, error) {
	img := image.NewRGBA(image.Rectangle{Max: probeSize})
	err := r.Render(img, screen.View{Mode: protocol.ModeIdle, Link: true, MerchantName: name})
	return img.Pix, err
}

// languages are those of the words, as a sentence.
func languages() string {
	var names []string
	for _, l := range screen.Languages() {
		names = append(names, fmt.Sprint(l))
	}
	return strings.Join(names, " and ")
}
