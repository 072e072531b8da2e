package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/apidoc"
	"github.com/galla-pay/galla/controller/internal/brokerauth"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// library is what many tests look at and none changes. It is made once.
var library struct {
	routes, inside, outside sync.Once

	known   gin.RoutesInfo
	doors   [2]*apidoc.Door
	opening sync.Once
	forms   *forms
}

// everyRoute is what the real router has with everything switched on.
func everyRoute(t *testing.T) gin.RoutesInfo {
	t.Helper()
	library.routes.Do(func() { library.known = findRoutes(t) })
	return slices.Clone(library.known)
}

func findRoutes(t *testing.T) gin.RoutesInfo {
	t.Helper()
	c := doors(t, true, limitFlags{})
	c.Sandbox = true
	var err error
	c.brokerDoor, err = brokerauth.New(brokerauth.Config{Secret: apidoc.BrokerSecret, Log: c.log})
	must(t, err)
	engine, err := c.newEngine()
	must(t, err)
	has := func(path string) bool {
		return slices.ContainsFunc(engine.Routes(), func(r gin.RouteInfo) bool { return r.Path == path })
	}
	// What only a controller with a signing key for the network has.
	if certificate := "/api/v1/dynamic-qr/certificate"; !has(certificate) {
		engine.GET(certificate, func(*gin.Context) {})
	}
	if !has("/docs") {
		apidoc.Register(engine, nil)
	}
	return engine.Routes()
}

// bookshelf is the door with the documents of every route.
func bookshelf(t *testing.T, sandbox bool) http.Handler {
	t.Helper()
	once, place := &library.outside, &library.doors[0]
	if sandbox {
		once, place = &library.inside, &library.doors[1]
	}
	once.Do(func() {
		config := documented(everyRoute(t), sandbox)
		config.Version = "test"
		var err error
		*place, err = apidoc.New(config)
		must(t, err)
	})
	door := *place
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	apidoc.Register(r, func() *apidoc.Door { return door })
	return r
}

func get(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "127.0.0.1:8080"
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.String()
}

// TestEveryRouteIsDescribed: what the router has and what openapi.json has are the
// same routes, and every route that there are words for is somewhere.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	var served []string
	for _, r := range everyRoute(t) {
		served = append(served, r.Method+" "+inBraces(r.Path))
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	must(t, json.Unmarshal([]byte(get(t, bookshelf(t, true), "/openapi.json")), &document))
	var described []string
	for path, methods := range document.Paths {
		for method := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	for _, r := range served {
		if !slices.Contains(described, r) {
			t.Errorf("%s is served, and not described", r)
		}
	}
	for _, r := range described {
		if !slices.Contains(served, r) {
			t.Errorf("%s is described, and not served", r)
		}
	}
	for _, r := range apidoc.Known() {
		if !slices.Contains(served, r) {
			t.Errorf("there are words for %s, which nobody serves", r)
		}
	}
	if len(served) < 80 {
		t.Errorf("only %d routes", len(served))
	}
}

// TestARouteWithoutWords is refused: it cannot be served undescribed unseen.
func TestARouteWithoutWords(t *testing.T) {
	t.Parallel()
	routes := append(everyRoute(t), gin.RouteInfo{Method: http.MethodGet, Path: "/v1/new/:thing"})
	if _, err := apidoc.New(documented(routes, true)); err == nil || !strings.Contains(err.Error(), "GET /v1/new/{thing}") {
		t.Errorf("it says %v", err)
	}
	config := documented(everyRoute(t), true)
	config.Codes[apidoc.GroupV1] = append(config.Codes[apidoc.GroupV1], apidoc.Code{Code: "BRAND_NEW", HTTPStatus: 400})
	if _, err := apidoc.New(config); err == nil || !strings.Contains(err.Error(), "BRAND_NEW") {
		t.Errorf("of a code without words it says %v", err)
	}
}

// TestDocuments: both documents and every page are as they were, in the sandbox
// and out of it.
func TestDocuments(t *testing.T) {
	t.Parallel()
	shelf, outside := bookshelf(t, true), bookshelf(t, false)
	golden := func(file, got string) {
		t.Helper()
		file = filepath.Join("testdata", "apidoc", file)
		if *update {
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			must(t, os.WriteFile(file, []byte(got), 0o644))
			return
		}
		want, err := os.ReadFile(file)
		must(t, err)
		if got != string(want) {
			t.Errorf("%s differs; run this test with -update and read the diff", file)
		}
	}
	golden("openapi.json", get(t, shelf, "/openapi.json"))
	golden("asyncapi.json", get(t, shelf, "/asyncapi.json"))
	for _, name := range pageNames(t, shelf) {
		golden("docs/"+cmp.Or(name, "index")+".html", get(t, shelf, "/docs/"+name))
	}
	golden("docs-outside-the-sandbox.html", get(t, outside, "/docs/"))
	paths := []string{"/openapi.json"}
	for _, name := range pageNames(t, outside) {
		paths = append(paths, "/docs/"+name)
	}
	for _, path := range paths {
		for _, secret := range []string{sandboxKeys().SaltKey, sandboxKeys().ProviderKey} {
			if strings.Contains(get(t, outside, path), secret) {
				t.Errorf("%s has the sandbox's key outside the sandbox", path)
			}
		}
	}
}

var pageLink = regexp.MustCompile(`<li><a href="(?:\./|([a-z0-9-]+))"`)

// pageNames are the pages that the first page lists.
func pageNames(t *testing.T, shelf http.Handler) []string {
	t.Helper()
	var names []string
	list, _, _ := strings.Cut(get(t, shelf, "/docs/"), "</nav>")
	for _, m := range pageLink.FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	if len(names) < 15 || names[0] != "" {
		t.Fatalf("the pages are %q", names)
	}
	return names
}

// TestEveryCodeIsSomeRoutes: every code of every table is an answer of a route.
func TestEveryCodeIsSomeRoutes(t *testing.T) {
	t.Parallel()
	document := get(t, bookshelf(t, true), "/openapi.json")
	for group, rows := range documented(everyRoute(t), true).Codes {
		for _, row := range rows {
			// In a response's description each code stands with its message.
			text, err := json.Marshal(row.Code + ": " + row.Message)
			must(t, err)
			if !strings.Contains(document, strings.Trim(string(text), `"`)) && row.Code != "METHOD_NOT_ALLOWED" {
				t.Errorf("no route answers %s of %s", row.Code, group)
			}
		}
	}
}
