// Package apidoc is the door for people and tools that want to know the
// controller: OpenAPI 3.1 at /openapi.json, AsyncAPI 3 of the terminals' topics at
// /asyncapi.json, and pages to read at /docs.
//
// The documents are made once, from what the command hands in as plain data: the
// routes that the router really has, the tables of codes, states and reasons, the
// Go types of bodies. This package adds what no table has: the words, and the
// forms of the payment API's bodies (one file a group). New refuses a route that
// it has no words for, so none is served undescribed.
//
// The pages need no other host, no script and no cookie. They link to each other
// by relative paths, so that they work behind any prefix.
//
// # What is made from what
//
//   - words.json: the comments of protocol and of package admin (words_test.go)
//   - answers.json: answers of a running controller to Examples (the command's
//     contract tests)
//
// Both are made again by -update.
package apidoc

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"
)

// Group is a part of the API: a page of its own.
type Group string

// The groups.
const (
	GroupV1     Group = "v1"
	GroupV3     Group = "v3"
	GroupEvents Group = "events"
	GroupUPI    Group = "upi"
	GroupDevice Group = "device"
	GroupAdmin  Group = "admin"
	GroupOps    Group = "ops"
)

// Config is what the documents are made of. Version and Routes must be there.
type Config struct {
	Version string
	// Sandbox is the merchant whose key the examples are signed with; nil outside
	// the sandbox, and then no example is signed.
	Sandbox *Sandbox
	Routes  []Route
	// Codes are the tables of codes. Events, devices and administration have their
	// own; the UPI network's is that of its XML.
	Codes   map[Group][]Code
	Reasons []Reason
	States  []State
	// Network is what the UPI network answers to messages of ours.
	Network []NetworkStatus
	Limits  []Limit
	// Settings are those of Dynamic QRs, Columns those of a settlement file, and
	// Risk the rules that hold where no others were given.
	Settings []Setting
	Columns  []string
	Risk     []RiskRule
}

// Sandbox is who signs the examples.
type Sandbox struct{ MerchantID, SaltKey, ProviderID, ProviderKey string }

// Route is one route that the router has.
type Route struct {
	Method string
	Path   string // parameters in braces
	// Summary is one sentence; "" where this package has it.
	Summary string
	// SignsBody: X-VERIFY covers the payload, not the path alone.
	SignsBody bool
	// Role is the least that an administrator's token must have; "" for another
	// door's route.
	Role string
	// Status is that of success; 0 is 200.
	Status int
	Query  []string // optional parameters
	// Body and Answer are values of the Go types that are read and written; nil
	// where this package has the form, or there is none.
	Body, Answer any
}

func (r Route) key() string { return r.Method + " " + r.Path }

// Code is a row of a table of codes.
type Code struct {
	Code       string
	HTTPStatus int
	Message    string // as it is answered
	// Official is what the network's public lists mean by the code, or what they
	// call its meaning; "" where that is not known.
	Official string
}

// Reason is why a payment ended without success; one that ends in a colon is
// followed by another's code.
type Reason struct{ Reason, Meaning string }

// State is a state of a payment.
type State struct {
	Name, External string
	Final          bool
}

// NetworkStatus is a row of the table of the network's answers.
type NetworkStatus struct{ Status, Class, Meaning string }

// Limit is a limit of requests: the flag that sets it, and what it says.
type Limit struct{ Flag, Help string }

// Setting is a setting of Dynamic QRs: the variable of the environment and the flag
// that set it, what it is where neither does, and what the flag says.
type Setting struct{ Env, Flag, Usual, Help string }

// RiskRule is a rule of the risk rules, in words.
type RiskRule struct {
	Name, Phase, When, Then, Why string
	On                           bool
}

// Door is the door. Make it with New; Register puts its routes on an engine.
type Door struct {
	openapi, asyncapi []byte
	pages             map[string][]byte
}

// New makes every document. Its error says which route, code or state has no
// words here, or the other way round.
func New(c Config) (*Door, error) {
	b, err := newBook(c)
	if err != nil {
		return nil, err
	}
	d := &Door{openapi: encode(b.openapi()), asyncapi: encode(asyncapi(c.Version))}
	d.pages, err = b.pages()
	return d, err
}

// Register adds the routes. The content is the door's at the time of the request,
// so that of may be called after the routes are known.
func Register(r gin.IRouter, of func() *Door) {
	r.GET("/openapi.json", func(c *gin.Context) { of().json(c, func(d *Door) []byte { return d.openapi }) })
	r.GET("/asyncapi.json", func(c *gin.Context) { of().json(c, func(d *Door) []byte { return d.asyncapi }) })
	r.GET("/docs", func(c *gin.Context) {
		// Relative, so that a prefix in front stays.
		c.Header("Location", "docs/")
		c.Status(http.StatusPermanentRedirect)
	})
	r.GET("/docs/*page", func(c *gin.Context) { of().page(c, strings.TrimPrefix(c.Param("page"), "/")) })
}

func (d *Door) json(c *gin.Context, content func(*Door) []byte) {
	if d == nil {
		c.Status(http.StatusNotFound)
		return
	}
	write(c, http.StatusOK, "application/json; charset=utf-8", content(d))
}

// exampleHost is how the documents call the controller; who reads the pages sees
// the address that the pages came from.
const exampleHost = "http://127.0.0.1:8080"

var plainHost = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$`)

func (d *Door) page(c *gin.Context, name string) {
	if d == nil {
		c.Status(http.StatusNotFound)
		return
	}
	if name == styleName {
		write(c, http.StatusOK, "text/css; charset=utf-8", style)
		return
	}
	status, content := http.StatusOK, d.pages[name]
	if content == nil {
		status, content = http.StatusNotFound, d.pages[missingPage]
	}
	if plainHost.MatchString(c.Request.Host) {
		scheme := "http://"
		if c.Request.TLS != nil {
			scheme = "https://"
		}
		content = bytes.ReplaceAll(content, []byte(exampleHost), []byte(scheme+c.Request.Host))
	}
	write(c, status, "text/html; charset=utf-8", content)
}

// write sends a document that a browser may keep, but asks about each time.
func write(c *gin.Context, status int, contentType string, content []byte) {
	sum := sha256.Sum256(content)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	for name, value := range map[string]string{
		"Cache-Control": "no-cache", "ETag": tag, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	} {
		c.Header(name, value)
	}
	if status == http.StatusOK && strings.Contains(c.GetHeader("If-None-Match"), tag) {
		c.Status(http.StatusNotModified)
		return
	}
	c.Data(status, contentType, content)
}

// Known are the routes that this package has words for besides those of the
// administration, as "GET /path".
func Known() []string {
	var all []string
	for _, o := range operations() {
		all = append(all, o.route)
	}
	return all
}
