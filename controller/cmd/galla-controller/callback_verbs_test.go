package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
)

// outboxFile is a database file with an outbox, for verbs to work on.
type outboxFile struct {
	*sqlite.DB
	path string
}

func newOutboxFile(t *testing.T) outboxFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "galla.db")
	box, err := seal.OpenOrCreate(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return outboxFile{db, path}
}

// sold commits a callback that was made some time ago.
func (f outboxFile) sold(t *testing.T, merchantID, event string, ago time.Duration) {
	t.Helper()
	err := f.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{Callbacks: []decide.Callback{{EventID: event, PaymentID: "pay-" + event, MerchantID: merchantID,
			URL: "https://user:canary@pos.example.in/cb?t=canary#canary", At: s.Now.Add(-ago)}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// given gives the callback that is due up.
func (f outboxFile) given(t *testing.T, event, state string) {
	t.Helper()
	d, err := f.LeaseCallbacks(t.Context(), 1, time.Minute, journal.CallbackFilter{})
	if err != nil || len(d) != 1 || d[0].EventID != event {
		t.Fatalf("leased %v, %v", d, err)
	}
	err = f.RecordCallbacks(t.Context(), []journal.CallbackOutcome{{EventID: event, Attempt: d[0].Attempt, State: state, Next: time.Hour,
		Result: "http_status", HTTPStatus: 503, Error: "HTTP 503", Took: 12 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
}

// feedVerbs runs a command line of the verbs of these files.
func feedVerbs(t *testing.T, line ...string) (string, error) {
	t.Helper()
	var c struct {
		Callback callbackVerbs `cmd:""`
		Listen   listenCommand `cmd:""`
	}
	var out bytes.Buffer
	parser, err := kong.New(&c, kong.BindTo(t.Context(), (*context.Context)(nil)), kong.BindTo(&out, (*io.Writer)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	verb, err := parser.Parse(line)
	if err != nil {
		return "", err
	}
	err = verb.Run()
	return out.String(), err
}

func TestCallbackList(t *testing.T) {
	t.Parallel()
	f := newOutboxFile(t)
	f.sold(t, "M1", "e1", 3*time.Hour)
	f.sold(t, "M2", "e2", 2*time.Hour)
	f.sold(t, "M1", "e3", time.Minute)
	f.given(t, "e1", journal.CallbackDead)
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"", []string{"e1", "e2", "e3"}},
		{"--merchant M1", []string{"e1", "e3"}},
		{"--payment pay-e2", []string{"e2"}},
		{"--state dead", []string{"e1"}},
		{"--state none", nil},
		{"--since 150m", []string{"e2", "e3"}},
		{"--since 4h --until 1h", []string{"e1", "e2"}},
		{"--limit 2", []string{"e1", "e2"}},
		{"--limit 0", []string{"e1", "e2", "e3"}},
	} {
		args := append([]string{"callback", "list", "--json", "--database", "sqlite:" + f.path}, strings.Fields(tt.args)...)
		out, err := feedVerbs(t, args...)
		if err != nil {
			t.Errorf("%s: %v", tt.args, err)
			continue
		}
		var got []string
		var last callbackJSON
		for line := range strings.Lines(out) {
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatalf("%s: %s", tt.args, line)
			}
			got = append(got, last.EventID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.args, got, tt.want)
		}
		if len(got) > 0 { // the rest follows its last cursor
			out, err := feedVerbs(t, append(args, "--after", last.Cursor)...)
			if err != nil || strings.Contains(out, last.EventID) {
				t.Errorf("%s: after the last: %s, %v", tt.args, out, err)
			}
		}
	}
	out, err := feedVerbs(t, "callback", "list", "--database", "sqlite:"+f.path)
	if err != nil || strings.Count(out, "\n") != 4 || !strings.Contains(out, "pos.example.in") || strings.Contains(out, "canary") {
		t.Errorf("the table: %v\n%s", err, out)
	}
}

func TestCallbackShow(t *testing.T) {
	t.Parallel()
	f := newOutboxFile(t)
	f.sold(t, "M1", "e1", time.Hour)
	f.given(t, "e1", journal.CallbackPending)
	out, err := feedVerbs(t, "callback", "show", "e1", "--database", "sqlite:"+f.path)
	for _, want := range []string{"pay-e1", "POST https://pos.example.in/cb?...", "pending", "http_status", "503", "12ms"} {
		if err != nil || !strings.Contains(out, want) || strings.Contains(out, "canary") {
			t.Errorf("%v, want %s in\n%s", err, want, out)
		}
	}
	out, err = feedVerbs(t, "callback", "show", "e1", "--json", "--database", "sqlite:"+f.path)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || len(lines) != 2 || strings.Contains(out, "canary") {
		t.Fatalf("%v\n%s", err, out)
	}
	var row callbackJSON
	var attempt attemptJSON
	if json.Unmarshal([]byte(lines[0]), &row) != nil || json.Unmarshal([]byte(lines[1]), &attempt) != nil ||
		row.EventID != "e1" || row.DueAt == nil || attempt.HTTPStatus != 503 || attempt.TookMs != 12 || attempt.FinishedAt == nil {
		t.Errorf("%+v\n%+v", row, attempt)
	}
}

func TestCallbackResend(t *testing.T) {
	t.Parallel()
	f := newOutboxFile(t)
	dead := func(t *testing.T, event string, merchant string, ago time.Duration) {
		t.Helper()
		f.sold(t, merchant, event, ago)
		f.given(t, event, journal.CallbackDead)
	}
	for i := range 3 {
		dead(t, fmt.Sprint("e", i), "M1", 3*time.Hour)
	}
	dead(t, "young", "M2", time.Minute)
	for _, tt := range []struct{ args, want string }{
		{"e0", "1 to be sent again\n"},
		{"--payment pay-e1 --json", "{\"resent\":1}\n"},
		{"--since 4h --until 1h --state dead", "1 to be sent again\n"},
		{"--since 4h --merchant M3", "0 to be sent again\n"},
		{"--since 1h", "1 to be sent again\n"},
		{"--since 4h", "4 to be sent again\n"},
	} {
		out, err := feedVerbs(t, append([]string{"callback", "resend", "--database", "sqlite:" + f.path}, strings.Fields(tt.args)...)...)
		if err != nil || out != tt.want {
			t.Errorf("%s: %q, %v", tt.args, out, err)
		}
	}
	queue, err := f.CallbackQueue(t.Context())
	if err != nil || queue.Pending != 4 {
		t.Errorf("%+v, %v", queue, err)
	}
}

// A backlog of several pages is resent once each, though a sender delivers what
// is resent while the rest is still being listed.
func TestCallbackResendOfManyEndsWhileTheyAreSent(t *testing.T) {
	t.Parallel()
	f := newOutboxFile(t)
	const rows = 1203
	err := f.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
		var c decide.Changes
		for i := range rows {
			c.Callbacks = append(c.Callbacks, decide.Callback{EventID: fmt.Sprint("e", i), MerchantID: "M", URL: "https://x/", At: s.Now.Add(-time.Hour)})
		}
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := resendAll(t.Context(), delivering{f}, journal.CallbackQuery{Until: time.Now()})
	if err != nil || n != rows {
		t.Errorf("%d were resent, %v; want %d", n, err, rows)
	}
}

// delivering delivers at once what is resent.
type delivering struct{ outboxFile }

func (d delivering) ResendCallbacks(ctx context.Context, q journal.CallbackQuery) (int, error) {
	n, err := d.outboxFile.ResendCallbacks(ctx, q)
	for err == nil {
		var leased []journal.CallbackDelivery
		if leased, err = d.LeaseCallbacks(ctx, 1, time.Minute, journal.CallbackFilter{}); err != nil || len(leased) == 0 || leased[0].Attempt > 1 {
			break
		}
		err = d.RecordCallbacks(ctx, []journal.CallbackOutcome{{EventID: leased[0].EventID, Attempt: leased[0].Attempt, State: journal.CallbackDelivered}})
		if leased[0].EventID == q.EventIDs[len(q.EventIDs)-1] {
			break
		}
	}
	return n, err
}

func TestWrongUseOfCallbackVerbs(t *testing.T) {
	t.Parallel()
	f := newOutboxFile(t)
	for _, tt := range []struct{ args, says string }{
		{"list --state lost", "--state"},
		{"list --limit -1", "--limit"},
		{"list --after nonsense", "cursor"},
		{"list --since -1h", "--since"},
		{"list --since 1h --until 2h", "--since must be longer ago"},
		{"show", "<event>"},
		{"show nobody", "there is no callback nobody"},
		{"resend", "say which"},
		{"resend --state dead", "say which"},
		{"resend e1 --since 2h", "no other filter"},
		{"resend nobody", "there is no callback nobody"},
	} {
		line := append(strings.Fields("callback "+tt.args), "--database", "sqlite:"+f.path)
		_, err := feedVerbs(t, line...)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.args, err, tt.says)
		}
	}
	missing := filepath.Join(t.TempDir(), "typo.db")
	if _, err := feedVerbs(t, "callback", "list", "--database", "sqlite:"+missing); err == nil || !strings.Contains(err.Error(), "there is no file") {
		t.Errorf("a file that is not there: %v", err)
	}
	if files, err := filepath.Glob(missing + "*"); err != nil || len(files) > 0 {
		t.Errorf("it was made: %v, %v", files, err)
	}
}
