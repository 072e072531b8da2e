package screen

import (
	"image"
	"image/color"
)

// item is a text in a stack, on a plate of its own when back is opaque.
type item struct {
	text string
	ink  ink
	back color.RGBA
	pad  int // between the text and the edge of its plate, above and below
	gap  int // below it
}

// stack writes texts below each other, in the middle of an area's height, as
// large as the area allows.
func (c *canvas) stack(area image.Rectangle, items []item) {
	kept := c.worthIt(items)
	if len(kept) == 0 {
		return
	}
	shrink := 0
	heights, total, least := c.measure(area, kept, shrink)
	for total > area.Dy() && !least {
		shrink++
		heights, total, least = c.measure(area, kept, shrink)
	}
	// Room that is left over goes between the texts first, a third of it at most.
	loose := min(max(area.Dy()-total, 0)/(3*len(kept)), area.Dy()/24)
	y := area.Min.Y + max(area.Dy()-total-loose*(len(kept)-1), 0)/2
	for i, it := range kept {
		box := image.Rect(area.Min.X, y, area.Max.X, y+heights[i])
		switch {
		case it.back.A == 0:
		case c.bit:
			c.fill(box, it.back) // letters may reach the corners
		default:
			c.round(box, it.back)
		}
		in := c.inner(area, it)
		it.ink.size = max(it.ink.size-shrink, it.ink.min)
		c.text(image.Rect(in.Min.X, box.Min.Y+it.pad, in.Max.X, box.Max.Y-it.pad), it.ink, it.text)
		y += heights[i] + it.gap + loose
	}
}

// holdsAll reports whether an area has room for all items, at their smallest.
func (c *canvas) holdsAll(area image.Rectangle, items []item) bool {
	const smallest = 1 << 10
	_, total, _ := c.measure(area, c.worthIt(items), smallest)
	return total <= area.Dy()
}

// worthIt are the items that leave something on the panel, their inks complete.
func (c *canvas) worthIt(items []item) []item {
	var kept []item
	for _, it := range items {
		if it.text = c.readable(it.text); it.text == "" {
			continue
		}
		it.ink.lines = max(it.ink.lines, 1)
		if it.ink.min == 0 {
			it.ink.min = it.ink.size
		}
		kept = append(kept, it)
	}
	return kept
}

// measure is how high items are when each is so many pixels smaller, if it may
// be; least says that none can be smaller still.
func (c *canvas) measure(area image.Rectangle, items []item, shrink int) (heights []int, total int, least bool) {
	least = true
	for i, it := range items {
		it.ink.size = max(it.ink.size-shrink, it.ink.min)
		least = least && it.ink.size == it.ink.min
		lines, size, _ := c.fit(c.inner(area, it), it.ink, it.text)
		heights = append(heights, len(lines)*leading(size, it.text)+2*it.pad)
		total += heights[i]
		if i < len(items)-1 {
			total += it.gap
		}
	}
	return heights, total, least
}

// inner is where an item's text may stand: beside the edges of its plate.
func (c *canvas) inner(area image.Rectangle, it item) image.Rectangle {
	if it.back.A != 0 {
		area.Min.X, area.Max.X = area.Min.X+it.pad, area.Max.X-it.pad
	}
	return area
}
