package main

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/apidoc"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/controller/internal/settlement"
)

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
		add("codes-upi", string(r.Code), strconv.Itoa(r.HTTPStatus), r.Meaning, r.Official)
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
	for _, name := range settlement.Header() {
		add("settlement", name)
	}
	for _, r := range risk.Builtin().All() {
		add("risk", r.Name, string(r.Phase), map[bool]string{true: "yes", false: "no"}[r.On], r.When(), thenText(r), r.Explanation)
	}
	for _, s := range documentedSettings() {
		add("dynamic-qr", s.Env, s.Flag, s.Usual, s.Help)
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

// TestSettingsAreTheFlags: the settings that the pages list are those of --help,
// with the variables that it names; the PRD's names are among them, and every
// feature that can be switched is named (PRD 7.1, 7.2).
func TestSettingsAreTheFlags(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	run(t.Context(), []string{"serve", "--help"}, &out, &errs)
	help := strings.Join(strings.Fields(out.String()), " ")
	page := html.UnescapeString(get(t, bookshelf(t, true), "/docs/dynamic-qr"))
	listed := map[string]bool{}
	for _, s := range documentedSettings() {
		flag, _, _ := strings.Cut(s.Flag, "=")
		if !strings.Contains(help, flag+"=") || !strings.Contains(help, strings.TrimSuffix(s.Help, ".")+" ($"+s.Env+")") {
			t.Errorf("%s (%s) is not in --help: %s", s.Flag, s.Env, s.Help)
		}
		listed[s.Env] = true
	}
	for _, name := range []string{
		"DYNAMIC_QR_EXPIRY_MINUTES", "DYNAMIC_QR_LIMIT_INR", "TIMEOUT_DURATION_SECONDS", "TIMEOUT_VPA", "DYNAMIC_ORG_ID", "DYNAMIC_NET_INST_ID",
		"DYNAMIC_INITIATION_MODE", "DYNAMIC_X7_SETTLEMENT", "DYNAMIC_YH_SETTLEMENT",
	} {
		if !listed[name] {
			t.Errorf("%s is not listed", name)
		}
	}
	for _, feature := range []string{featureTimeout, featureReversal, featureAsync} {
		if !strings.Contains(page, feature) {
			t.Errorf("nothing is said of the feature %s", feature)
		}
	}
}

var npciMessage = regexp.MustCompile(`(?s)<pre id="npci-message"><code>(.*?)</code></pre>`)

// TestNPCIMessageOfThePage: the message in NPCI's dialect that the page shows is
// understood as it is printed, and answered in that dialect.
func TestNPCIMessageOfThePage(t *testing.T) {
	t.Parallel()
	s := newTeller(t)
	found := npciMessage.FindStringSubmatch(get(t, bookshelf(t, true), "/docs/dynamic-qr"))
	if found == nil {
		t.Fatal("the page shows none")
	}
	a := s.ask(apidoc.Example{Route: "POST /api/v1/dynamic-qr/check", Body: html.UnescapeString(found[1])})
	for _, want := range []string{`<upi:RespChkTxn xmlns:upi="http://npci.org/upi/schema/">`, `orgTxnId="TXN1234567890"`, `reqMsgId="CHK1" result="FAILURE" errCode="ZQ"`} {
		if a.status != http.StatusOK || !bytes.Contains(a.body, []byte(want)) {
			t.Errorf("it is answered %d %s, without %s", a.status, a.body, want)
		}
	}
}
