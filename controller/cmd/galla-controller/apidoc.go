package main

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/apidoc"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/deviceapi"
	"github.com/galla-pay/galla/controller/internal/eventapi"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/controller/internal/settlement"
	"github.com/galla-pay/galla/protocol"
)

// describe serves the description of every route that r has by now; it comes
// after all others. on is where its own routes go.
func (c *controller) describe(r *gin.Engine, on gin.IRouter) {
	var door *apidoc.Door
	apidoc.Register(on, func() *apidoc.Door { return door })
	door, err := apidoc.New(documented(r.Routes(), c.Sandbox))
	if err != nil {
		// A route without words is our mistake, which a test finds; it stops nobody
		// from taking payments.
		c.log.Error("the API is not described", "error", err)
	}
}

// documented is what the description is made of: the routes that there are, and
// every table of codes, states and reasons.
func documented(routes gin.RoutesInfo, sandbox bool) apidoc.Config {
	c := apidoc.Config{
		Version: version,
		Codes: map[apidoc.Group][]apidoc.Code{
			apidoc.GroupV1: payCodes(payapi.Codes()), apidoc.GroupV3: payCodes(payapi.Codes3()),
			apidoc.GroupEvents: eventCodes(), apidoc.GroupDevice: deviceCodes(),
		},
		Limits: documentedLimits(), Settings: documentedSettings(), Columns: settlement.Header(), Risk: documentedRules(),
	}
	if sandbox {
		c.Sandbox = sandboxKeys()
	}
	known := documentedRoutes()
	for _, route := range routes {
		r := apidoc.Route{Method: route.Method, Path: inBraces(route.Path)}
		if k, ok := known[r.Method+" "+r.Path]; ok {
			r = k
		}
		c.Routes = append(c.Routes, r)
	}
	sortRoutes(c.Routes)
	for _, row := range decide.Codes {
		c.Codes[apidoc.GroupUPI] = append(c.Codes[apidoc.GroupUPI], apidoc.Code{Code: string(row.Code), HTTPStatus: row.HTTPStatus, Message: row.Meaning, Official: row.Official})
	}
	for _, row := range admin.Codes() {
		c.Codes[apidoc.GroupAdmin] = append(c.Codes[apidoc.GroupAdmin], apidoc.Code{Code: string(row.Code), HTTPStatus: row.HTTPStatus, Message: row.Meaning})
	}
	for _, row := range network.Codes {
		c.Network = append(c.Network, apidoc.NetworkStatus{Status: row.Status, Class: string(row.Class), Meaning: row.Meaning})
	}
	for _, row := range payment.Reasons {
		c.Reasons = append(c.Reasons, apidoc.Reason{Reason: row.Reason, Meaning: row.Meaning})
	}
	for _, s := range payment.States {
		if s != payment.None {
			c.States = append(c.States, apidoc.State{Name: string(s), External: s.External(), Final: s.Final()})
		}
	}
	return c
}

// documentedRoutes are the routes of the doors that have a table of them, and the
// Go types of those that have none, by method and path.
func documentedRoutes() map[string]apidoc.Route {
	all := map[string]apidoc.Route{}
	add := func(r apidoc.Route) { all[r.Method+" "+r.Path] = r }
	for _, r := range payapi.Routes() {
		add(apidoc.Route{Method: r.Method, Path: inBraces(r.Path), Summary: r.Summary, SignsBody: r.Signs == payapi.SignsBody})
	}
	for _, r := range admin.Routes() {
		add(apidoc.Route{
			Method: r.Method, Path: r.Path, Summary: strings.TrimSuffix(r.Summary, "."), Role: string(r.Role), Status: r.Status, Query: r.Query,
			Body: r.Body, Answer: r.Answer,
		})
	}
	add(apidoc.Route{Method: http.MethodPost, Path: protocol.EnrolCodePath, Body: protocol.EnrolCodeRequest{}, Answer: protocol.EnrolAnswer{}})
	add(apidoc.Route{Method: http.MethodPost, Path: protocol.EnrolPath, Body: protocol.EnrolRequest{}, Answer: protocol.EnrolAnswer{}})
	return all
}

// inBraces is a path of gin's with its parameters in braces.
func inBraces(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if s != "" && (s[0] == ':' || s[0] == '*') {
			segments[i] = "{" + s[1:] + "}"
		}
	}
	return strings.Join(segments, "/")
}

// sortRoutes puts routes in the order of their doors' tables, and others behind
// them by path: gin's order is that of its trees.
func sortRoutes(routes []apidoc.Route) {
	place := map[string]int{}
	for i, r := range payapi.Routes() {
		place[r.Method+" "+inBraces(r.Path)] = i + 1
	}
	for i, r := range admin.Routes() {
		place[r.Method+" "+r.Path] = 1000 + i
	}
	at := func(r apidoc.Route) int {
		if n := place[r.Method+" "+r.Path]; n > 0 {
			return n
		}
		return 10_000
	}
	slices.SortFunc(routes, func(a, b apidoc.Route) int {
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
}

func payCodes(rows []payapi.CodeRow) []apidoc.Code {
	var all []apidoc.Code
	for _, row := range rows {
		all = append(all, apidoc.Code{Code: string(row.Code), HTTPStatus: row.HTTPStatus, Message: row.Message})
	}
	return all
}

// sandboxKeys are whose keys sign the examples of the sandbox.
func sandboxKeys() *apidoc.Sandbox {
	data := merchant.Sandbox()
	s := &apidoc.Sandbox{MerchantID: data.Merchants[0].ID, ProviderID: data.Providers[0].ID}
	for _, key := range data.SaltKeys {
		switch key.Owner {
		case s.MerchantID:
			s.SaltKey = string(key.Secret)
		case s.ProviderID:
			s.ProviderKey = string(key.Secret)
		}
	}
	return s
}

// documentedLimits are the flags of limits.go, as --help has them.
func documentedLimits() []apidoc.Limit {
	var all []apidoc.Limit
	for f := range reflect.TypeFor[limitFlags]().Fields() {
		all = append(all, apidoc.Limit{Flag: "--" + flagName(f.Name) + " " + f.Tag.Get("placeholder"), Help: f.Tag.Get("help")})
	}
	return all
}

// documentedSettings are the flags of dynamic.go, fx.go and risk.go, as --help has
// them.
func documentedSettings() []apidoc.Setting {
	var all []apidoc.Setting
	for _, flags := range []reflect.Type{reflect.TypeFor[dynamicFlags](), reflect.TypeFor[fxFlags](), reflect.TypeFor[riskFlags]()} {
		for f := range flags.Fields() {
			name := cmp.Or(f.Tag.Get("name"), flagName(f.Name))
			s := apidoc.Setting{
				Env:  cmp.Or(f.Tag.Get("env"), "GALLA_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))),
				Flag: "--" + name, Usual: f.Tag.Get("default"), Help: f.Tag.Get("help"),
			}
			if holder := f.Tag.Get("placeholder"); holder != "" {
				s.Flag += "=" + holder
			}
			all = append(all, s)
		}
	}
	return all
}

// flagName is a field's name as a flag: RiskRules is risk-rules.
func flagName(field string) string {
	var name strings.Builder
	for i, c := range field {
		if i > 0 && c >= 'A' && c <= 'Z' {
			name.WriteByte('-')
		}
		name.WriteRune(c)
	}
	return strings.ToLower(name.String())
}

// documentedRules are the built-in risk rules, as galla-controller risk rules
// prints them.
func documentedRules() []apidoc.RiskRule {
	var all []apidoc.RiskRule
	for _, r := range risk.Builtin().All() {
		all = append(all, apidoc.RiskRule{Name: r.Name, Phase: string(r.Phase), When: r.When(), Then: thenText(r), Why: r.Explanation, On: r.On})
	}
	return all
}

func eventCodes() (all []apidoc.Code) {
	for _, row := range eventapi.Codes() {
		all = append(all, apidoc.Code{Code: string(row.Code), HTTPStatus: row.HTTPStatus, Message: row.Message})
	}
	return all
}

func deviceCodes() (all []apidoc.Code) {
	for _, row := range deviceapi.CodeRows() {
		all = append(all, apidoc.Code{Code: string(row.Code), HTTPStatus: row.HTTPStatus, Message: row.Meaning})
	}
	return all
}
