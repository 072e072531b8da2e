package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/apidoc"
	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// everyRoute is what the real router has with everything switched on.
func everyRoute(t *testing.T) gin.RoutesInfo {
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
	config := documented(everyRoute(t), sandbox)
	config.Version = "test"
	door, err := apidoc.New(config)
	must(t, err)
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

var (
	tableRow  = regexp.MustCompile(`(?s)<tr id="[^"]*">(.*?)</tr>`)
	tableCell = regexp.MustCompile(`(?s)<td>(.*?)</td>`)
	element   = regexp.MustCompile(`(?s)<details>.*?</details>|<[^>]*>`)
)

// rowsOf are the rows of a page's tables of codes, as text.
func rowsOf(page string) [][]string {
	var rows [][]string
	for _, row := range tableRow.FindAllStringSubmatch(page, -1) {
		var cells []string
		for _, cell := range tableCell.FindAllStringSubmatch(row[1], -1) {
			cells = append(cells, strings.TrimSpace(html.UnescapeString(element.ReplaceAllString(cell[1], ""))))
		}
		rows = append(rows, cells)
	}
	return rows
}

// TestTablesOfThePages: what a page shows is the code's own table, row by row.
func TestTablesOfThePages(t *testing.T) {
	t.Parallel()
	shelf := bookshelf(t, true)
	want := map[string][][]string{}
	add := func(page string, cells ...string) { want[page] = append(want[page], cells) }
	for _, r := range payapi.Codes() {
		add("codes-v1", string(r.Code), strconv.Itoa(r.HTTPStatus), r.Message)
	}
	for _, r := range payapi.Codes3() {
		add("codes-v3", string(r.Code), strconv.Itoa(r.HTTPStatus), r.Message)
	}
	for _, r := range decide.Codes {
		add("codes-upi", string(r.Code), strconv.Itoa(r.HTTPStatus), r.Meaning)
	}
	for _, r := range network.Codes {
		add("codes-network", r.Status, string(r.Class), r.Meaning)
	}
	for _, r := range admin.Codes() {
		add("codes-admin", string(r.Code), strconv.Itoa(r.HTTPStatus), r.Meaning)
	}
	for _, s := range payment.States {
		if s != payment.None {
			add("states", string(s), s.External(), map[bool]string{true: "yes", false: "no"}[s.Final()])
		}
	}
	for _, r := range payment.Reasons {
		add("states", r.Reason, r.Meaning)
	}
	for page, rows := range want {
		got := rowsOf(get(t, shelf, "/docs/"+page))
		if len(got) != len(rows) {
			t.Errorf("%s has %d rows, want %d", page, len(got), len(rows))
			continue
		}
		for i, row := range rows {
			if len(got[i]) < len(row) || !slices.Equal(got[i][:len(row)], row) {
				t.Errorf("%s, row %d is %q, want %q", page, i, got[i], row)
			}
			if page != "codes-admin" && got[i][len(got[i])-1] == "" {
				t.Errorf("%s, row %d: nothing is said of %s", page, i, row[0])
			}
		}
	}
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

// TestDoorsWithoutATable: the codes of the doors whose tables are their own
// affair are those of their source.
func TestDoorsWithoutATable(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		file, prefix string
		said         []apidoc.Code
	}{
		{"../../internal/eventapi/codes.go", "Code", eventCodes()},
		{"../../internal/deviceapi/enrol.go", "code", deviceCodes()},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), row.file, nil, 0)
		must(t, err)
		source := map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, row.prefix) || len(spec.Values) != 1 {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				word, err := strconv.Unquote(literal.Value)
				must(t, err)
				source[word] = true
			}
			return true
		})
		for _, c := range row.said {
			if !source[c.Code] {
				t.Errorf("%s does not have %s", row.file, c.Code)
			}
			delete(source, c.Code)
		}
		for word := range source {
			t.Errorf("%s of %s is not described", word, row.file)
		}
	}
}

// TestPagesNeedNothingElse: no script, nothing inline, no other host, links that
// lead to something, and a policy that would stop all else.
func TestPagesNeedNothingElse(t *testing.T) {
	t.Parallel()
	shelf := bookshelf(t, true)
	names := pageNames(t, shelf)
	anchors := map[string]map[string]bool{}
	pages := map[string]string{}
	for _, name := range names {
		pages[name] = get(t, shelf, "/docs/"+name)
		anchors[name] = map[string]bool{"": true}
		for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(pages[name], -1) {
			if anchors[name][m[1]] {
				t.Errorf("%s has two places called %s", name, m[1])
			}
			anchors[name][html.UnescapeString(m[1])] = true
		}
	}
	for name, page := range pages {
		for _, never := range []string{"<script", "<style", " style=", "javascript:", "<img", "<iframe", "onclick"} {
			if strings.Contains(page, never) {
				t.Errorf("%s has %s", name, never)
			}
		}
		for _, m := range regexp.MustCompile(` (?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			target, anchor, _ := strings.Cut(html.UnescapeString(m[1]), "#")
			switch target {
			case "docs.css", "../openapi.json", "../asyncapi.json":
				continue
			case "./":
				target = ""
			case "":
				target = name
			}
			if anchors[target] == nil || !anchors[target][anchor] {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
	}
	for _, path := range []string{"/docs/", "/docs/payments", "/docs/docs.css", "/docs/nothing", "/openapi.json", "/asyncapi.json"} {
		w := httptest.NewRecorder()
		shelf.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'self';") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, w.Header())
		}
		again := httptest.NewRequest(http.MethodGet, path, nil)
		again.Header.Set("If-None-Match", w.Header().Get("ETag"))
		second := httptest.NewRecorder()
		shelf.ServeHTTP(second, again)
		if want := map[bool]int{true: http.StatusNotFound, false: http.StatusNotModified}[path == "/docs/nothing"]; second.Code != want {
			t.Errorf("%s again: %d, want %d", path, second.Code, want)
		}
	}
}

// TestWhereThePagesAre: /docs leads to /docs/ behind any prefix, and a page names
// the host that it came from, unless that is no host's name.
func TestWhereThePagesAre(t *testing.T) {
	t.Parallel()
	shelf := bookshelf(t, true)
	w := httptest.NewRecorder()
	shelf.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/docs", nil))
	if w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "docs/" {
		t.Errorf("/docs: %d %v", w.Code, w.Header())
	}
	for host, want := range map[string]string{
		"till.example.in:8443": "curl -s http://till.example.in:8443/v1", "[::1]:80": "curl -s http://[::1]:80/v1",
		"x'; rm -rf ~ #": "curl -s http://127.0.0.1:8080/v1", "a<b>": "curl -s http://127.0.0.1:8080/v1",
	} {
		r := httptest.NewRequest(http.MethodGet, "/docs/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		shelf.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), want) || bytes.Contains(w.Body.Bytes(), []byte("rm -rf")) {
			t.Errorf("asked for at %q it does not say %q", host, want)
		}
	}
}

// TestLimitsAreTheFlags: the page of the limits has what --help has.
func TestLimitsAreTheFlags(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	run(t.Context(), []string{"serve", "--help"}, &out, &errs)
	help := strings.Join(strings.Fields(out.String()), " ")
	page := html.UnescapeString(get(t, bookshelf(t, true), "/docs/limits"))
	for _, l := range documentedLimits() {
		flag, _, _ := strings.Cut(l.Flag, " ")
		if !strings.Contains(help, flag+"=") || !strings.Contains(page, fmt.Sprintf("<dt><code>%s</code></dt><dd>%s</dd>", l.Flag, l.Help)) {
			t.Errorf("%s: %s", l.Flag, l.Help)
		}
	}
	if len(documentedLimits()) < 4 {
		t.Error("where are the limits?")
	}
}
