package phone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
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

// decode reads a QR with both ways that gozxing has of telling black from
// white: one is better at small modules, the other at large ones.
func decode(img image.Image) (text string, err error) {
	// gozxing is given whatever a panel shows, half-drawn frames included, and
	// is not known never to index beyond them.
	defer func() {
		if recover() != nil {
			text, err = "", errNoCode
		}
	}()
	source := gozxing.NewLuminanceSourceFromImage(img)
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	for _, binarizer := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(source), gozxing.NewGlobalHistgramBinarizer(source)} {
		bitmap, err := gozxing.NewBinaryBitmap(binarizer)
		if err != nil {
			return "", errNoCode
		}
		if result, err := qrcode.NewQRCodeReader().Decode(bitmap, hints); err == nil {
			return result.GetText(), nil
		}
	}
	return "", errNoCode
}
