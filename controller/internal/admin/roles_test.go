package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin"
)

// TestRoutes: the table is whole: no route twice, every parameter in braces, one
// sentence each; what changes something is not for viewers.
func TestRoutes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range admin.Routes() {
		if name := r.Method + " " + r.Path; seen[name] {
			t.Errorf("%s stands twice", name)
		} else {
			seen[name] = true
		}
		if !strings.HasPrefix(r.Path, admin.Prefix+"/") || !admin.Owns(r.Path) || strings.ContainsAny(r.Path, ":*") ||
			strings.Count(r.Path, "{") != strings.Count(r.Path, "}") {
			t.Errorf("%s %s: the path", r.Method, r.Path)
		}
		if !strings.HasSuffix(r.Summary, ".") || r.Status < 200 || r.Status > 201 || r.Answer == nil || !slices.Contains(admin.Roles(), r.Role) {
			t.Errorf("%s %s: summary, status, answer or role", r.Method, r.Path)
		}
		if (r.Method == "GET") != (r.Role == admin.RoleViewer) && !(r.Method == "GET" && r.Role == admin.RoleAdmin) {
			t.Errorf("%s %s is for %s", r.Method, r.Path, r.Role)
		}
		if r.Body != nil && (r.Method == "GET" || reflect.TypeOf(r.Body).Kind() != reflect.Struct) {
			t.Errorf("%s %s: the body", r.Method, r.Path)
		}
	}
	if admin.Owns("/admin/v10/merchants") || admin.Owns("/admin") || !admin.Owns("/admin/v1") {
		t.Error("Owns")
	}
}

// TestEveryRouteByEveryRole: who may, may; who may not is told so before anything
// is looked at or changed.
func TestEveryRouteByEveryRole(t *testing.T) {
	t.Parallel()
	d := newDoor(t, openSQLite(t))
	d.shop()
	revoked := d.want(201, "POST", "/tokens", map[string]any{"name": "gone", "role": "admin"})
	d.want(200, "POST", "/tokens/gone/revoke", nil)

	callers := []struct {
		name, header string
		role         admin.Role
	}{
		{"nobody", "", ""}, {"an empty token", "Bearer ", ""}, {"no scheme", d.tokens[admin.RoleAdmin], ""},
		{"another scheme", "Basic " + d.tokens[admin.RoleAdmin], ""}, {"a bad token", "Bearer galla_admin_" + strings.Repeat("A", 43), ""},
		{"half a token", "Bearer " + d.tokens[admin.RoleAdmin][:30], ""}, {"a token and more", "Bearer " + d.tokens[admin.RoleAdmin] + " x", ""},
		{"a revoked token", "Bearer " + revoked.body["token"].(string), ""}, {"a NUL byte", "Bearer \x00", ""},
		{"viewer", "Bearer " + d.tokens[admin.RoleViewer], admin.RoleViewer},
		{"operator", "Bearer " + d.tokens[admin.RoleOperator], admin.RoleOperator},
		{"admin", "bearer " + d.tokens[admin.RoleAdmin], admin.RoleAdmin},
	}
	var unauthorized string
	for _, route := range admin.Routes() {
		for _, caller := range callers {
			allowed := caller.role != "" && caller.role.May(route.Role)
			before := len(d.audit())
			r := httptest.NewRequest(route.Method, strings.ReplaceAll(fill(route.Path), "{id}", "none-such"), strings.NewReader(`{"unknown":1}`))
			if caller.header != "" {
				r.Header["Authorization"] = []string{caller.header}
			}
			a := d.send(r)
			what := route.Method + " " + route.Path + " by " + caller.name
			switch {
			case caller.role == "":
				if a.status != 401 || a.code() != "UNAUTHORIZED" || a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s: %d %s", what, a.status, a.raw)
				}
				if unauthorized == "" {
					unauthorized = a.raw
				}
				if a.raw != unauthorized {
					t.Errorf("%s is told something else: %s", what, a.raw)
				}
			case !allowed:
				if a.status != 403 || a.code() != "FORBIDDEN" {
					t.Errorf("%s: %d %s", what, a.status, a.raw)
				}
			// The body is wrong for all: whoever may is told just that.
			case a.status != 422 || a.body["field"] != "unknown":
				t.Errorf("%s: %d %s", what, a.status, a.raw)
			}
			if after := len(d.audit()); after != before {
				t.Errorf("%s left %d lines in the audit log", what, after-before)
			}
		}
	}
	if n := len(d.outside.did); n != 0 {
		t.Errorf("refused requests did %v", d.outside.did)
	}
}

// TestEveryRouteWorks: each route once, done right, by the least role that may;
// its answer has the fields that the table says, and what changes something
// leaves a line that says who and where from.
func TestEveryRouteWorks(t *testing.T) {
	t.Parallel()
	d := newDoor(t, openSQLite(t))
	d.shop()
	fingerprint := sha256Hex(t, certificate(t, "two"))
	bodies := map[string]any{
		"POST /merchants":                                          map[string]any{"merchantId": "SHOP2", "name": "Two", "mcc": "5812", "payee": "shop2@upi", "edc": true},
		"PATCH /merchants/{merchantId}":                            map[string]any{"name": "Renamed", "callbackHosts": []string{"pos.example.in"}},
		"POST /stores":                                             map[string]any{"merchantId": "SHOP1", "storeId": "STORE2", "name": "Low Street"},
		"PATCH /stores/{merchantId}/{storeId}":                     map[string]any{"name": "Main Street"},
		"POST /terminals":                                          map[string]any{"merchantId": "SHOP1", "storeId": "STORE1", "terminalId": "T2", "busy": "queue"},
		"PATCH /terminals/{merchantId}/{storeId}/{terminalId}":     map[string]any{"paymentWindowSeconds": 60},
		"POST /payees":                                             map[string]any{"vpa": "second@upi", "merchantId": "SHOP1", "feeBasisPoints": 50},
		"PATCH /payees/{vpa}":                                      map[string]any{"feeBasisPoints": 10},
		"PUT /fees/{merchantId}/{mcc}":                             map[string]any{"basisPoints": 50, "capPaise": 10_000, "rounding": "half_even"},
		"POST /providers":                                          map[string]any{"providerId": "VENDOR2"},
		"POST /organisations":                                      map[string]any{"organisationId": "BANK2", "certificates": []string{certificate(t, "one")}},
		"PATCH /organisations/{organisationId}":                    map[string]any{"unsigned": true},
		"POST /organisations/{organisationId}/certificates":        map[string]any{"certificate": certificate(t, "two")},
		"POST /organisations/{organisationId}/certificates/rotate": map[string]any{"certificate": certificate(t, "three")},
		"POST /keys":                                               map[string]any{"owner": "VENDOR"},
		"POST /keys/{owner}/rotate":                                map[string]any{"overlapSeconds": 60},
		"POST /tokens":                                             map[string]any{"name": "somebody", "role": "viewer"},
		"POST /callbacks/resend":                                   map[string]any{"since": "2026-11-21T12:00:00Z"},
		"POST /payments/{id}/resolve":                              map[string]any{"paid": true, "reference": "426712345678", "source": "NPCI desk"},
		"POST /signing-keys/{id}/retire":                           map[string]any{"force": true},
		"POST /signing-keys/rotate":                                map[string]any{"force": false},
	}
	ids := map[string]string{"/callbacks": "event1", "/payments": "pay1", "/signing-keys": "online-1"}
	for _, route := range admin.Routes() {
		name := route.Method + " " + strings.TrimPrefix(route.Path, admin.Prefix)
		path := strings.ReplaceAll(fill(route.Path), "/certificates/00", "/certificates/"+fingerprint)
		for begin, id := range ids {
			if strings.HasPrefix(route.Path, admin.Prefix+begin) {
				path = strings.ReplaceAll(path, "{id}", id)
			}
		}
		if route.Body != nil && bodies[name] == nil {
			t.Errorf("%s has no row", name)
		}
		before := len(d.audit())
		a := d.as(route.Role, route.Method, path, bodies[name])
		if a.status != route.Status || a.header.Get("Content-Type") != "application/json; charset=utf-8" || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %s %v", name, a.status, a.raw, a.header)
		}
		answer := reflect.New(reflect.TypeOf(route.Answer))
		dec := json.NewDecoder(strings.NewReader(a.raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(answer.Interface()); err != nil {
			t.Errorf("%s does not answer what the table says: %v: %s", name, err, a.raw)
		}
		lines := d.audit()[before:]
		if route.Method == "GET" || strings.HasSuffix(name, "/enable") && len(lines) == 1 || len(lines) > 0 {
			for _, l := range lines {
				if l.Actor != "the-"+string(route.Role) || l.Source != "192.0.2.1" || l.Action == "" || l.Target == "" {
					t.Errorf("%s: the audit log says %+v", name, l)
				}
			}
		} else if name != "PUT /providers/{providerId}/merchants/{merchantId}" { // which was so already
			t.Errorf("%s left no line in the audit log", name)
		}
		if route.Method == "GET" && len(lines) > 0 {
			t.Errorf("%s changed something", name)
		}
	}
	want := []string{
		"code SHOP1.STORE1.T1 by the-operator", "unenrol SHOP1.STORE1.T1 by the-operator", "create key by the-admin",
		"rotate by the-admin false", "retire online-1 by the-admin true", "resolve pay1 by the-operator",
	}
	if !slices.Equal(d.outside.did, want) {
		t.Errorf("outside was done\n  %q, want\n  %q", d.outside.did, want)
	}
}

// TestATokenIsGoneAtOnce: a token that is revoked is worth nothing to the next
// request, its own included.
func TestATokenIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, openSQLite(t))
	if a := d.as(admin.RoleAdmin, http.MethodGet, "/admin/v1/whoami", nil); a.status != 200 || a.body["name"] != "the-admin" || a.body["role"] != "admin" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	d.want(200, "POST", "/tokens/the-admin/revoke", nil)
	if a := d.as(admin.RoleAdmin, http.MethodGet, "/admin/v1/whoami", nil); a.status != 401 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// TestRolesMay is the whole table.
func TestRolesMay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		has, least admin.Role
		may        bool
	}{
		{"viewer", "viewer", true}, {"viewer", "operator", false}, {"viewer", "admin", false},
		{"operator", "viewer", true}, {"operator", "operator", true}, {"operator", "admin", false},
		{"admin", "viewer", true}, {"admin", "operator", true}, {"admin", "admin", true},
		{"", "viewer", false}, {"root", "viewer", false}, {"admin", "", false}, {"admin", "root", false}, {"", "", false},
	} {
		if got := tt.has.May(tt.least); got != tt.may {
			t.Errorf("%q where %q is asked for: %v", tt.has, tt.least, got)
		}
	}
}
