package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Prefix begins the path of every route of this door.
const Prefix = "/admin/v1"

// MaxBody is the largest request body, in bytes.
const MaxBody = 64 << 10

// codeKey is where an answer's code stands in its gin.Context, for the metrics.
const codeKey = "code"

// Config is what the door needs; all of it.
type Config struct {
	Service     *Service
	Callbacks   CallbackLog
	Enrolment   Enrolment
	SigningKeys SigningKeys
	Payments    Payments
	Log         *slog.Logger
}

// API is the admin door. Register puts its routes on an engine.
type API struct{ Config }

// New makes the door. It fails where something of c is missing.
func New(c Config) (*API, error) {
	if c.Service == nil || c.Callbacks == nil || c.Enrolment == nil || c.SigningKeys == nil || c.Payments == nil || c.Log == nil {
		return nil, errors.New("admin: something of the configuration is missing")
	}
	return &API{c}, nil
}

// Register adds the routes of Routes.
func (a *API) Register(r gin.IRouter) {
	colons := strings.NewReplacer("{", ":", "}", "")
	for _, route := range Routes() {
		r.Handle(route.Method, colons.Replace(route.Path), a.handler(route))
	}
}

// request is a request that may be answered: who asks is known, and allowed.
//
// ctx is what is handed on. gin's own Context is no good for that: it is used
// again for the next request, while a database may still be waiting for its end.
type request struct {
	*gin.Context
	ctx  context.Context
	by   By
	role Role
	body []byte
}

// handler lets a route be called by whom it is for, and answers.
func (a *API) handler(route Route) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := &request{Context: c, ctx: c.Request.Context()}
		answer, err := a.serve(route, r)
		if err != nil {
			a.fail(c, err)
			return
		}
		c.Set(codeKey, "OK")
		write(c, route.Status, "application/json; charset=utf-8", answer)
	}
}

// serve checks who asks before it looks at what is asked.
func (a *API) serve(route Route, r *request) (any, error) {
	scheme, text, _ := strings.Cut(r.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		text = "" // which is nobody's token, and takes the same time
	}
	token, err := a.Service.Authenticate(r.ctx, text)
	if err != nil {
		return nil, err
	}
	r.by, r.role = By{Actor: token.Name, Source: r.RemoteIP()}, token.Role
	if !token.Role.May(route.Role) {
		return nil, &Problem{Code: CodeForbidden, Detail: "This needs a token of the role " + string(route.Role) + "."}
	}
	for name, values := range r.Request.URL.Query() {
		if !slices.Contains(route.Query, name) {
			return nil, Invalid(shortened(name), "is no parameter of this route")
		}
		if len(values) > 1 {
			return nil, Invalid(name, "is given twice")
		}
	}
	if r.body, err = readBody(r.Context, route); err != nil {
		return nil, err
	}
	return route.serve(a, r)
}

// readBody reads a body of MaxBody at most. A route without one may be sent an
// empty object.
func readBody(c *gin.Context, route Route) ([]byte, error) {
	tooLarge := &Problem{Code: CodeTooLarge, Detail: "The body is larger than 64 KiB."}
	if c.Request.ContentLength > MaxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody))
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, &Problem{Code: CodeMalformed, Detail: "The body could not be read."}
	}
	if route.Body == nil && len(body) > 0 {
		return nil, decode(body, &struct{}{})
	}
	return body, nil
}

// read decodes the body of a request; one that may be empty stays as it is.
func read[T any](r *request) (T, error) {
	var in T
	err := decode(r.body, &in)
	return in, err
}

// readOptional is read, but an empty body is an empty object.
func readOptional[T any](r *request) (T, error) {
	if len(r.body) == 0 {
		var none T
		return none, nil
	}
	return read[T](r)
}

// problemBody is an error as RFC 9457 has it, with our code.
type problemBody struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      Code   `json:"code"`
	Detail    string `json:"detail"`
	Field     string `json:"field,omitempty"`
	RequestID string `json:"requestId,omitempty"`
}

// fail answers an error, which loses its text unless it is a *Problem.
func (a *API) fail(c *gin.Context, err error) {
	p := problem(err)
	if p.Code == CodeInternal || p.Code == CodeUnavailable {
		a.Log.Error("admin request failed", "route", c.FullPath(), "requestId", c.GetString("requestId"), "error", err)
	}
	if p.Code == CodeUnavailable {
		c.Header("Retry-After", "1")
	}
	writeProblem(c, p)
}

func writeProblem(c *gin.Context, p *Problem) {
	status := row(p.Code).HTTPStatus
	if p.Code == CodeUnauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="galla"`)
	}
	detail := p.Detail
	if p.Field != "" {
		detail = p.Field + " " + p.Detail + "."
	}
	c.Set(codeKey, string(p.Code))
	write(c, status, "application/problem+json; charset=utf-8", problemBody{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: p.Code, Detail: detail, Field: p.Field,
		RequestID: c.GetString("requestId"),
	})
}

// write sends JSON that nobody keeps.
func write(c *gin.Context, status int, contentType string, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // a mistake in this package: every view is JSON
	}
	c.Header("Cache-Control", "no-store")
	c.Data(status, contentType, bytes.TrimRight(b.Bytes(), "\n"))
}

// Owns reports whether a path is of this door, for an engine's answers to what
// has no route.
func Owns(path string) bool { return path == Prefix || strings.HasPrefix(path, Prefix+"/") }

// NoRoute answers a path that nobody has.
func NoRoute(c *gin.Context) {
	writeProblem(c, &Problem{Code: CodeNotFound, Detail: "There is no such path here."})
}

// NoMethod answers a path by another method.
func NoMethod(c *gin.Context) {
	writeProblem(c, &Problem{Code: CodeMethodNotAllowed, Detail: "This path does not answer " + shortened(c.Request.Method) + "."})
}

// Recovered answers a request whose handler panicked.
func Recovered(c *gin.Context) {
	if !c.Writer.Written() {
		writeProblem(c, problem(errors.New("panic")))
	}
	c.Abort()
}
