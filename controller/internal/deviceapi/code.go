package deviceapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/protocol"
)

// Codes spends a code for the device that holds publicKey and stores its
// credentials, in one transaction. It returns enrol.ErrRefused,
// enrol.ErrInactive, enrol.ErrSettling, or what else went wrong.
type Codes interface {
	Enrol(ctx context.Context, code protocol.EnrolCode, publicKey, tokenHash []byte) (protocol.Identity, error)
}

// maxCodeBody bounds the body of an enrolment by code, in bytes.
const maxCodeBody = 64 << 10

// refused is said of every code that is not taken: whoever guesses is not told
// how near he was.
const refused = "the enrolment code is wrong, used or too old; ask the operator for a new one"

// enrolByCode answers a device that brings a code and proves to hold its key.
func (a *API) enrolByCode(c *gin.Context) {
	if wait := a.limit.take(c.ClientIP(), time.Now()); wait > 0 {
		retryAfter(c, wait)
		refuse(c, codeTooMany, "too many enrolments at once; try again later")
		return
	}
	if c.Request.Header.Get("Origin") != "" {
		// Else every visitor of some page could be made to guess.
		refuse(c, codeForbidden, "terminals enrol by galla-agent enroll, not from a web page")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxCodeBody))
	if err != nil {
		refuse(c, codeBadRequest, "the body cannot be read, or is larger than 64 KiB")
		return
	}
	req, err := readCodeRequest(body)
	if err != nil {
		refuse(c, codeBadRequest, "the body "+err.Error())
		return
	}
	code, err := req.Open()
	switch {
	case errors.Is(err, protocol.ErrEnrolCode):
		refuse(c, codeBadRequest, err.Error())
		return
	case err != nil:
		refuse(c, codeBadRequest, "proof must be a JWS over this code, signed by the key of publicKey")
		return
	}
	a.answerCode(c, code, req.PublicKey)
}

func (a *API) answerCode(c *gin.Context, code protocol.EnrolCode, publicKey []byte) {
	ctx := c.Request.Context()
	token, hash := newToken()
	id, err := a.Codes.Enrol(ctx, code, publicKey, hash)
	var answer protocol.EnrolAnswer
	if err == nil {
		answer, err = a.letIn(ctx, id, token)
	}
	switch {
	case errors.Is(err, enrol.ErrRefused):
		a.Log.Warn("enrolment refused", "code", code, "from", c.ClientIP())
		refuse(c, codeForbidden, refused)
	case errors.Is(err, enrol.ErrInactive):
		refuse(c, codeInvalidTerminal, "the terminal of this code is not active")
	case errors.Is(err, enrol.ErrSettling):
		retryAfter(c, enrol.Settle)
		refuse(c, codeInternal, "the terminal was shut out a moment ago; try again in a few seconds")
	case err != nil:
		a.Log.Error("enrolment failed", "terminal", id, "error", err)
		retryAfter(c, time.Second)
		refuse(c, codeInternal, "the terminal could not be enrolled; try again with the same code")
	default:
		a.Log.Info("terminal enrolled", "terminal", id, "keyId", protocol.KeyID(publicKey), "from", c.ClientIP())
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, answer)
	}
}

// retryAfter says when to come again, in whole seconds, rounded up.
func retryAfter(c *gin.Context, wait time.Duration) {
	c.Header("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
}
