package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"slices"
	"strings"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
)

// screenFlags are those of galla-agent screen.
type screenFlags struct {
	State string `arg:"" optional:"" placeholder:"STATE" help:"What the terminal does; --list names them."`
	List  bool   `help:"List the states and the kinds of panel."`
	Panel string `default:"st7789" placeholder:"KIND" help:"Kind of panel (${default})."`
	Lang  string `default:"en" placeholder:"en|hi" help:"Language of the words (${default})."`
	Out   string `placeholder:"FILE" help:"Where the PNG goes; - is standard output."`
}

// screen is the verb: a picture of a state, by the renderer of the glass.
func (c command) screen(f screenFlags) int {
	if f.List {
		for _, s := range states() {
			fmt.Fprintf(c.stdout, "%-19s %s\n", s.name, s.about)
		}
		for _, k := range panel.Kinds() {
			fmt.Fprintf(c.stdout, "--panel %-19s %s\n", k.Name, k.Title)
		}
		return exitGood
	}
	picture, err := f.picture()
	if err != nil {
		return c.fail(exitUsage, err)
	}
	if f.Out == "-" {
		_, err = c.stdout.Write(picture)
	} else {
		err = os.WriteFile(f.Out, picture, 0o644)
	}
	if err != nil {
		return c.fail(exitError, err)
	}
	return exitGood
}

// picture is the PNG that is asked for; its errors are about the flags.
func (f screenFlags) picture() ([]byte, error) {
	switch {
	case f.State == "":
		return nil, fmt.Errorf("name a state: %s", strings.Join(stateNames(), ", "))
	case f.Out == "":
		return nil, errors.New("--out FILE is missing; - is standard output")
	}
	s, err := lookState(f.State)
	if err != nil {
		return nil, err
	}
	kind, err := panel.Lookup(f.Panel)
	if err != nil {
		return nil, fmt.Errorf("--panel: %w", err)
	}
	lang, err := language(f.Lang)
	if err != nil {
		return nil, fmt.Errorf("--lang: %w", err)
	}
	drawn, err := s.draw(kind, lang)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, drawn); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// draw is the state as a panel of that kind shows it.
func (s state) draw(k panel.Kind, lang screen.Lang) (*image.RGBA, error) {
	v, err := s.on(k, lang)
	if err != nil {
		return nil, err
	}
	r, err := screen.New(k.Size)
	if err != nil {
		return nil, err
	}
	img := image.NewRGBA(image.Rectangle{Max: k.Size})
	return img, r.Render(img, v)
}

// language is the language of that name; the error lists those that there are.
func language(name string) (screen.Lang, error) {
	if l := screen.Lang(name); slices.Contains(screen.Languages(), l) {
		return l, nil
	}
	return "", fmt.Errorf("there is no language %q: known are %v", name, screen.Languages())
}
