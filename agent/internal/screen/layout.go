package screen

import (
	"fmt"
	"image"
	"strings"
)

// layout is how a view is laid out on panels of one size.
type layout struct {
	size image.Point
	card image.Rectangle // the white card that carries a payment's QR; empty: it never does
	link image.Rectangle // that of an enrolment's link; empty: it never shows one
	bit  bool            // black and white only
	draw func(*canvas, View)
}

// layouts are all sizes that there are.
func layouts() []layout {
	upright := func(g grid) func(*canvas, View) {
		return func(c *canvas, v View) { portrait{c, v, g}.draw() }
	}
	return []layout{
		{portrait240Size, portrait240Card, portrait240Link, false, upright(grid{})},
		{portrait320Size, portrait320Card, portrait320Link, false, upright(grid{large: true})},
		{landscapeSize, landscapeCard, landscapeLink, false, func(c *canvas, v View) { landscape{c, v}.draw() }},
		{paperSize, paperCard, paperLink, true, func(c *canvas, v View) { newPaper(c, v).draw() }},
		{companionSize, image.Rectangle{}, image.Rectangle{}, true, func(c *canvas, v View) { companion{mono{c, v, white, black}}.draw() }},
	}
}

// layoutOf finds the layout of panels of that size, or ErrSize.
func layoutOf(size image.Point) (layout, error) {
	var known []string
	for _, l := range layouts() {
		if l.size == size {
			return l, nil
		}
		known = append(known, fmt.Sprintf("%dx%d", l.size.X, l.size.Y))
	}
	return layout{}, fmt.Errorf("%w: %dx%d; known are %s", ErrSize, size.X, size.Y, strings.Join(known, ", "))
}

// CarriesQR reports whether panels of that size show a payment's QR. Where one
// does not, a View may present without: the customer scans another panel.
func CarriesQR(size image.Point) bool {
	l, err := layoutOf(size)
	return err == nil && !l.card.Empty()
}

// Supports says whether there is a layout for panels of that many pixels, or
// ErrSize. It costs nothing, unlike New.
func Supports(size image.Point) error {
	_, err := layoutOf(size)
	return err
}
