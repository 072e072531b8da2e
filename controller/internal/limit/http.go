package limit

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// Code and Message are the answer to whoever asks too often. The value is on
// the wire: never change it.
const (
	Code    = "TOO_MANY_REQUESTS"
	Message = "Too many requests. Please wait and send the request again."
)

// Addresses refuses requests of an address that has used up its allowance,
// before anything is read or hashed. Loopback is never refused: it is the proxy
// in front, which stands for everybody.
func Addresses(l *Limiter[netip.Prefix]) gin.HandlerFunc {
	return func(c *gin.Context) {
		address := Address(c.Request.RemoteAddr)
		if near(address) {
			return
		}
		if retryAfter, ok := l.Allow(address); !ok {
			Refuse(c, retryAfter)
		}
	}
}

// Refuse answers 429 with Retry-After, in the envelope of the payment API
// (phonepe-api: Wire rules), and ends the request.
func Refuse(c *gin.Context, retryAfter time.Duration) {
	c.Header("Retry-After", RetryAfter(retryAfter))
	c.Set("code", Code) // as every door does, for the metrics
	c.AbortWithStatusJSON(http.StatusTooManyRequests, struct {
		Success bool   `json:"success"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data"`
	}{Code: Code, Message: Message})
}

// RetryAfter is the value of the header: whole seconds, rounded up, at least 1.
func RetryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
