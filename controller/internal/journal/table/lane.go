package table

import (
	"net/url"
	"strings"
)

// Lane names one destination of one merchant, "MERCHANT1 pos.example.in:443":
// what fails together. A URL that cannot be read is a lane of its own.
func Lane(merchantID, rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return merchantID + " " + rawURL
	}
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return merchantID + " " + strings.ToLower(u.Hostname()) + ":" + port
}
