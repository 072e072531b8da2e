//go:build depstmp

package agent

import (
	_ "github.com/go-text/typesetting/font"
	_ "github.com/go-text/typesetting/shaping"
	_ "periph.io/x/devices/v3/ssd1306"
	_ "periph.io/x/devices/v3/waveshare2in13v3"
)
