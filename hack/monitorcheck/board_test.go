package monitorcheck

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// board is what the tests read of deploy/grafana/galla.json.
type board struct {
	UID    string
	Title  string
	Panels []struct {
		ID          int
		Title       string
		Description string
		Datasource  struct{ Type, UID string }
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ RefID, Expr string }
	}
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
}

func readBoard(t *testing.T) board {
	t.Helper()
	var b board
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/galla.json")), &b); err != nil {
		t.Fatal("galla.json:", err)
	}
	return b
}

// boardQueries are the board's queries. They use no variable, so that they are
// asked here as Grafana asks them.
func boardQueries(t *testing.T) []string {
	t.Helper()
	var queries []string
	for _, p := range readBoard(t).Panels {
		for _, target := range p.Targets {
			if target.Expr == "" || strings.Contains(target.Expr, "$") {
				t.Errorf("%s %s: query %q", p.Title, target.RefID, target.Expr)
			}
			queries = append(queries, target.Expr)
		}
	}
	if len(queries) < 20 {
		t.Fatalf("only %d queries: %q", len(queries), queries)
	}
	return queries
}

// The board can be imported anywhere: its one variable is the data source, and
// its panels lie side by side, each with its own id and a word of explanation.
func TestBoardIsWellMade(t *testing.T) {
	t.Parallel()
	b := readBoard(t)
	if b.UID != "galla" || b.Title != "Galla" {
		t.Errorf("the board is %q %q", b.UID, b.Title)
	}
	if v := b.Templating.List; len(v) != 1 || v[0].Name != "datasource" || v[0].Type != "datasource" || v[0].Query != "prometheus" {
		t.Errorf("variables: %+v", v)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range b.Panels {
		if p.ID < 1 || ids[p.ID] || p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: id twice, or no title, description or query", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s asks %+v", p.Title, p.Datasource)
		}
		refs := []string{}
		for _, target := range p.Targets {
			if target.RefID == "" || slices.Contains(refs, target.RefID) {
				t.Errorf("%s: query %q twice", p.Title, target.RefID)
			}
			refs = append(refs, target.RefID)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x > 23 {
					t.Fatalf("%s lies on %q or beside the board", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// The board shows each figure that an alert of PRD 10 and 12 judges.
func TestBoardShowsWhatAlertsJudge(t *testing.T) {
	t.Parallel()
	queries := strings.Join(boardQueries(t), "\n")
	for _, figure := range []string{
		"galla:upi_errors:ratio10m", "galla:upi_timeouts:ratio10m", "galla:expiry:ratio30m",
		"galla:upi_answer_seconds:p95_10m", "galla:http_request_seconds:p95_10m", "galla:database_cpu:ratio5m", "galla:slo_bad:ratio1h",
		"galla_outbox_oldest_seconds", "galla_network_dead_total", "galla_callbacks_dead_total", "galla_credits_total",
		`galla_payments_total{state="parked"}`, "galla_fx_rate_age_seconds", "galla_fx_refused_total", `up{job="galla-controller"}`,
	} {
		if !strings.Contains(queries, figure) {
			t.Errorf("the board does not show %s", figure)
		}
	}
}
