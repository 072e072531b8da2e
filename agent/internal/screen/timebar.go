package screen

import (
	"image"
	"image/color"
	"time"
)

// timeBar is how much of the sale's time is left; it is amber when little is. It
// returns the colour of the minutes beside it.
func (c *canvas) timeBar(box image.Rectangle, v View) color.RGBA {
	bar, text := info, white
	if v.Left < lowTime {
		bar, text = warn, warn
	}
	c.fill(box, raised)
	box.Max.X = box.Min.X + v.barWidth(box.Dx())
	c.fill(box, bar)
	return text
}

// barWidth is how many of w pixels the time left gets; Total is not 0.
func (v View) barWidth(w int) int {
	return int(int64(w) * int64(min(max(v.Left, 0), v.Total)/time.Millisecond) / max(int64(v.Total/time.Millisecond), 1))
}
