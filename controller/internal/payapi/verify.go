package payapi

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol/xverify"
)

// signer is who signed a request, for whom.
type signer struct {
	merchant merchant.Merchant
	known    bool   // the merchant exists
	owner    string // of the key: the merchant or the provider
	index    string
}

// readBody reads the outer object and the base64 text in it: body shape comes
// first in the order of checks.
func readBody(c *gin.Context) (encoded string, inner object, err error) {
	raw, err := io.ReadAll(c.Request.Body)
	if err != nil {
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			return "", nil, tooLarge
		}
		return "", nil, refuse(CodeBadRequest, "The request body could not be read")
	}
	outer, err := parseObject(raw)
	if err != nil {
		return "", nil, refuse(CodeBadRequest, "The request body "+err.Error())
	}
	encoded, ok := outer.text("request")
	if !ok || encoded == "" {
		return "", nil, badRequest("request", "must be the base64 text of the payload")
	}
	payload, err := xverify.DecodeBody(encoded)
	if err != nil {
		return "", nil, badRequest("request", "is not base64")
	}
	if inner, err = parseObject(payload); err != nil {
		return "", nil, badRequest("request", "holds a payload that "+err.Error())
	}
	return encoded, inner, nil
}

// verify checks X-VERIFY over payload and path. A provider's key signs for the
// merchants that are mapped to it; everything else that does not fit, from an
// unknown merchant to a wrong hash, is one and the same refusal and takes the
// same time (phonepe-api: Wire rules).
//
// A good signature takes one of the merchant's share of requests; nobody else can
// use that up.
func (a *API) verify(c *gin.Context, merchantID, payload, path string) (signer, error) {
	s, err := a.check(c, merchantID, payload, path)
	if err == nil && a.Allow != nil {
		if wait, ok := a.Allow(merchantID); !ok {
			return s, &Refusal{Code: CodeTooMany, retryAfter: max(wait, time.Second)}
		}
	}
	return s, err
}

// check checks who signed.
func (a *API) check(c *gin.Context, merchantID, payload, path string) (signer, error) {
	dir := a.Directory()
	s := signer{owner: merchantID}
	s.merchant, s.known = dir.Merchant(merchantID)
	mapped := true
	if provider := c.GetHeader("X-PROVIDER-ID"); provider != "" {
		p, ok := dir.Provider(provider)
		s.owner, mapped = provider, ok && (p.Merchants[merchantID] || merchantID == "")
	}
	sum, index, headerErr := xverify.Parse(c.GetHeader("X-VERIFY"))
	s.index = strconv.Itoa(index)
	key, found := dir.SaltKey(s.owner, s.index)
	if !found || !key.Live(time.Now()) {
		found, key.Secret = false, "a key that nobody has, so that the time is the same"
	}
	good := xverify.Check(sum, payload, path, string(key.Secret))
	if headerErr != nil || !found || !good || !mapped || !s.known && s.owner == merchantID {
		r := refuse(CodeUnauthorized, "")
		// The exact text that was hashed, up to the key: never the key or the
		// hash, and only in the sandbox (phonepe-api: The sandbox).
		r.debug = gin.H{"signedString": payload + path, "saltIndex": s.index, "header": headerHelp(headerErr)}
		return s, r
	}
	return s, nil
}

// Verify checks a request without a payload for another door that merchants sign
// in the same way: path and X-PROVIDER-ID as in any of this door's. What a
// merchant may ask is that door's to count.
func (a *API) Verify(c *gin.Context, merchantID, path string) error {
	_, err := a.check(c, merchantID, "", path)
	return err
}

func headerHelp(err error) string {
	if err != nil {
		return err.Error()
	}
	return "X-VERIFY is hex(SHA256(signedString + saltKey)) + ### + saltIndex"
}

// route is the path that a client signs: the route alone, as it was sent but for
// a slash at its end.
func route(c *gin.Context) string {
	path := c.Request.URL.EscapedPath()
	return strings.TrimSuffix(strings.TrimPrefix(path, Prefix), "/")
}
