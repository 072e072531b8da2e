package terminal_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/terminal"
)

// placeholder is what stands in a path for one of several words.
var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// readmeRoutes are the routes that README has in its table, as it writes them.
func readmeRoutes(t *testing.T) []string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:GET|POST) [^`]+)` \\|").FindAllStringSubmatch(string(readme), -1) {
		routes = append(routes, strings.ReplaceAll(row[1], `\|`, "|")) // as a table has it
	}
	return routes
}

// README names every route of a terminal, and no other.
func TestReadmeHasEveryRoute(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	var served, named []string
	for _, route := range r.Routes() {
		pattern := strings.Replace(route.Pattern, "{$}", "", 1)
		served = append(served, route.Method+" "+placeholder.ReplaceAllString(pattern, "{}"))
	}
	for _, route := range readmeRoutes(t) {
		route, _, _ = strings.Cut(route, "?")
		named = append(named, placeholder.ReplaceAllString(route, "{}"))
	}
	slices.Sort(served)
	slices.Sort(named)
	if !slices.Equal(slices.Compact(served), slices.Compact(named)) {
		t.Fatalf("README has the routes\n%s\nthere are\n%s", strings.Join(named, "\n"), strings.Join(served, "\n"))
	}
}

// What README says that can stand in a path, can: nothing of it is refused as
// being wrong.
func TestReadmeRoutesAreTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	for _, route := range readmeRoutes(t) {
		method, path, _ := strings.Cut(route, " ")
		if path == "/events" {
			continue // does not end; TestEvents reads it
		}
		for _, one := range expand(path) {
			var status int
			var body string
			if strings.HasPrefix(one, "/card/") {
				form := "holdMillis=0"
				if one == "/card/tap" {
					form += "&outcome=approve"
				}
				status, body = r.post(one, asForm, form)
			} else {
				code, _, text := r.call(method, one)
				status, body = code, string(text)
			}
			fits := status < 300 || status == 409 ||
				status == 404 && (strings.Contains(body, "no companion panel") || strings.Contains(body, "has said nothing yet"))
			if !fits {
				t.Errorf("%s %s = %d %s", method, one, status, body)
			}
		}
	}
}

// expand is a path for each of the words in its braces; "0..9" are ten.
func expand(path string) []string {
	found := placeholder.FindString(path)
	if found == "" {
		return []string{path}
	}
	var all []string
	for word := range strings.SplitSeq(strings.Trim(found, "{}"), "|") {
		words := []string{word}
		if word == "0..9" {
			words = strings.Split("0123456789", "")
		}
		for _, word := range words {
			all = append(all, expand(strings.Replace(path, found, word, 1))...)
		}
	}
	return all
}

// README names every kind of panel and companion.
func TestReadmeHasEveryPanel(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range append(terminal.PanelKinds(), terminal.CompanionKinds()...) {
		if !strings.Contains(string(readme), "`"+kind+"`") {
			t.Errorf("README does not name %s", kind)
		}
	}
}
