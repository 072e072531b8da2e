package payapi

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
)

// envelope is the form of every answer (phonepe-api: Wire rules).
type envelope struct {
	Success bool   `json:"success"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
	hasData bool
}

// MarshalJSON leaves data out where the documented answer has none.
func (e envelope) MarshalJSON() ([]byte, error) {
	type with envelope
	if e.hasData {
		return encode(with(e))
	}
	return encode(struct {
		Success bool   `json:"success"`
		Code    Code   `json:"code"`
		Message string `json:"message"`
	}{e.Success, e.Code, e.Message})
}

// encode is JSON without HTML escapes: messages hold brackets and quotes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func writeCode(c *gin.Context, status int, code Code, message string) {
	if status == 0 {
		status = code.HTTPStatus()
	}
	if message == "" {
		message = code.Message()
	}
	writeEnvelope(c, status, envelope{Code: code, Message: message, hasData: code.hasData()})
}

func writeEnvelope(c *gin.Context, status int, e envelope) {
	c.Set(CodeKey, string(e.Code))
	body, err := encode(e)
	if err != nil {
		c.Status(http.StatusInternalServerError)
		return
	}
	c.Data(status, "application/json; charset=utf-8", body)
}
