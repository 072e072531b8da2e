package phone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

const (
	// lookEvery is the gap between two looks at the panel: at most 5 a second.
	lookEvery = 200 * time.Millisecond

	// lookLimit is the longest that one look may take.
	lookLimit = 5 * time.Second

	maxPicture = 8 << 20 // bytes of PNG
	maxSide    = 4096    // pixels
)

// ErrNoQR says that no UPI QR was seen on the panel in the time given.
var ErrNoQR = errors.New("no UPI QR on the panel")

// camera looks at one panel.
type camera struct {
	url     string
	http    *http.Client
	last    []byte // the picture of the last look
	lastErr error  // what it was
}

// find looks until it has read a UPI QR, and returns its text. say is told what
// is seen instead, each thing once.
func (c *camera) find(ctx context.Context, wait time.Duration, say func(string)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	seen := "nothing yet"
	for {
		text, err := c.look(ctx)
		if err == nil {
			return text, nil
		}
		if ctx.Err() == nil && err.Error() != seen {
			seen = err.Error()
			say(seen)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return "", fmt.Errorf("%w in %s; last seen: %s", ErrNoQR, wait, seen)
			}
			return "", ctx.Err()
		case <-ticker.C:
		}
	}
}

// look fetches the picture and reads it. Its errors say what is to be seen.
func (c *camera) look(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return "", fmt.Errorf("no picture: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("no picture: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("no picture: HTTP %d", resp.StatusCode)
	}
	picture, err := io.ReadAll(io.LimitReader(resp.Body, maxPicture+1))
	if err != nil {
		return "", fmt.Errorf("no picture: %w", err)
	}
	if len(picture) > maxPicture {
		return "", errors.New("no picture: longer than 8 MiB")
	}
	if bytes.Equal(picture, c.last) {
		return "", c.lastErr
	}
	text, err := ReadPicture(picture)
	c.last, c.lastErr = picture, err
	return text, err
}

// What a picture can be that is no UPI QR.
var (
	errNoCode = errors.New("a picture without a readable QR")
	errNotUPI = errors.New("a QR that is no UPI link")
)

// ReadPicture reads the upi:// link of the QR in a PNG.
func ReadPicture(picture []byte) (string, error) {
	config, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return "", fmt.Errorf("no picture: %w", err)
	}
	if config.Width > maxSide || config.Height > maxSide {
		return "", fmt.Errorf("no picture: %d x %d pixels", config.Width, config.Height)
	}
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return "", fmt.Errorf("no picture: %w", err)
	}
	text, err := decode(img)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(text, "upi:") {
		return "", errNotUPI
	}
	return text, nil
}

// decode reads a QR as a phone's camera app does, in more than one way: as a
// photograph with both ways that gozxing has of telling black from white, one
// better at small modules, the other at large ones; and, since a panel's pixels
// come without a lens between, as a drawing on the white card around it. Each
// of them alone fails on some QRs that the others read.
func decode(img image.Image) (string, error) {
	for _, look := range []struct {
		picture image.Image
		black   func(gozxing.LuminanceSource) gozxing.Binarizer
		drawing bool
	}{
		{img, gozxing.NewHybridBinarizer, false},
		{img, gozxing.NewGlobalHistgramBinarizer, false},
		{whiteCard(img), gozxing.NewGlobalHistgramBinarizer, true},
	} {
		binarizer := look.black(gozxing.NewLuminanceSourceFromImage(look.picture))
		if text, ok := read(binarizer, look.drawing); ok {
			return text, nil
		}
	}
	return "", errNoCode
}

// read tries one reading. gozxing is given whatever a panel shows, half-drawn
// frames included, and is not known never to index beyond them.
func read(binarizer gozxing.Binarizer, drawing bool) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	if drawing {
		hints[gozxing.DecodeHintType_PURE_BARCODE] = true
	}
	bitmap, err := gozxing.NewBinaryBitmap(binarizer)
	if err != nil {
		return "", false
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil {
		return "", false
	}
	return result.GetText(), true
}

// whiteCard is the part of the picture between the first and the last row that
// have a long white run: a QR's quiet zone. Without one it is all of it.
func whiteCard(img image.Image) image.Image {
	bounds := img.Bounds()
	card := image.Rectangle{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		from, to := whiteRun(img, y)
		if to-from < bounds.Dx()*2/5 {
			continue
		}
		card = card.Union(image.Rect(from, y, to, y+1))
	}
	if card.Empty() {
		return img
	}
	cut := image.NewGray(image.Rect(0, 0, card.Dx(), card.Dy()))
	draw.Draw(cut, cut.Bounds(), img, card.Min, draw.Src)
	return cut
}

// whiteRun is the longest run of white pixels in a row.
func whiteRun(img image.Image, y int) (from, to int) {
	start := img.Bounds().Min.X
	for x := start; x <= img.Bounds().Max.X; x++ {
		if x < img.Bounds().Max.X && color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y > 0xF0 {
			continue
		}
		if x-start > to-from {
			from, to = start, x
		}
		start = x + 1
	}
	return from, to
}
