package screen

import (
	"image"
	"image/draw"
	"math"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"golang.org/x/image/vector"
)

// rasteriseOutline fills an outline, its origin so far right of a pixel's edge.
func rasteriseOutline(o font.GlyphOutline, scale, right float32) *image.Alpha {
	var box struct{ x0, y0, x1, y1 float32 }
	first := true
	for _, seg := range o.Segments {
		for _, p := range seg.ArgsSlice() {
			x, y := p.X*scale+right, -p.Y*scale
			if first {
				box.x0, box.x1, box.y0, box.y1 = x, x, y, y
				first = false
			}
			box.x0, box.x1 = min(box.x0, x), max(box.x1, x)
			box.y0, box.y1 = min(box.y0, y), max(box.y1, y)
		}
	}
	if first {
		return nil
	}
	floor := func(v float32) int { return int(math.Floor(float64(v))) }
	rect := image.Rect(floor(box.x0), floor(box.y0), floor(box.x1)+1, floor(box.y1)+1)
	ras := vector.NewRasterizer(rect.Dx(), rect.Dy())
	at := func(p font.SegmentPoint) (float32, float32) {
		return p.X*scale + right - float32(rect.Min.X), -p.Y*scale - float32(rect.Min.Y)
	}
	for _, seg := range o.Segments {
		x, y := at(seg.Args[0])
		switch seg.Op {
		case opentype.SegmentOpMoveTo:
			ras.ClosePath()
			ras.MoveTo(x, y)
		case opentype.SegmentOpLineTo:
			ras.LineTo(x, y)
		case opentype.SegmentOpQuadTo:
			x2, y2 := at(seg.Args[1])
			ras.QuadTo(x, y, x2, y2)
		case opentype.SegmentOpCubeTo:
			x2, y2 := at(seg.Args[1])
			x3, y3 := at(seg.Args[2])
			ras.CubeTo(x, y, x2, y2, x3, y3)
		}
	}
	ras.ClosePath()
	m := image.NewAlpha(rect)
	ras.DrawOp = draw.Src
	ras.Draw(m, rect, image.Opaque, image.Point{})
	return m
}
