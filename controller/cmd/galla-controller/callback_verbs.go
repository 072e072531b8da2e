package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/journal"
)

// callbackVerbs look into the callback outbox and have callbacks sent again
// (phonepe-api: Callback; failure matrix T13). They work on the database: a
// controller need not run, and one that runs finds what is to be sent within 2 s.
type callbackVerbs struct {
	List   callbackListCommand   `cmd:"" help:"List callbacks, oldest first."`
	Show   callbackShowCommand   `cmd:"" help:"Show one callback with its delivery log."`
	Resend callbackResendCommand `cmd:"" help:"Have callbacks sent again: one, a payment's, or those made since a time."`
}

// callbackLog is what a storage tells of its outbox.
type callbackLog interface {
	Callbacks(ctx context.Context, q journal.CallbackQuery) ([]journal.CallbackRow, error)
	CallbackAttempts(ctx context.Context, eventID string) ([]journal.CallbackAttempt, error)
	ResendCallbacks(ctx context.Context, q journal.CallbackQuery) (int, error)
	CallbackQueue(ctx context.Context) (journal.CallbackQueue, error)
	CallbackFeed(ctx context.Context, merchantID, after string, limit int) (journal.CallbackFeed, error)
	CallbackHorizon(ctx context.Context) (time.Time, error)
	Now(ctx context.Context) (time.Time, error)
}

// withCallbacks opens the database, which must be there, and closes it again.
func (f databaseFlags) withCallbacks(ctx context.Context, do func(storage) error) error {
	if path, isSQLite := strings.CutPrefix(f.Database, "sqlite:"); isSQLite && path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("--database: there is no file %s", path)
		}
	}
	db, _, err := f.open(ctx, slog.Default())
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

// callbackFilters say which callbacks.
type callbackFilters struct {
	Merchant string        `placeholder:"ID" help:"Only this merchant's."`
	Payment  string        `placeholder:"ID" help:"Only this payment's, by our id."`
	State    string        `enum:",pending,delivered,dead,none" default:"" help:"Only those in this state: pending, delivered, dead or none (there is no URL)."`
	Since    time.Duration `placeholder:"2h" help:"Only those made within this time."`
	Until    time.Duration `placeholder:"1h" help:"Only those made longer ago than this."`
}

func (f callbackFilters) query(ctx context.Context, log callbackLog) (journal.CallbackQuery, error) {
	q := journal.CallbackQuery{MerchantID: f.Merchant, PaymentID: f.Payment, State: f.State}
	if f.Since < 0 || f.Until < 0 {
		return q, errors.New("--since and --until count back from now, as in 2h: not below 0")
	}
	if f.Since > 0 && f.Since <= f.Until {
		return q, errors.New("--since must be longer ago than --until")
	}
	// The database's clock: it is the one that the callbacks were made by.
	now, err := log.Now(ctx)
	if err != nil {
		return q, err
	}
	if f.Since > 0 {
		q.Since = now.Add(-f.Since)
	}
	q.Until = now.Add(time.Microsecond) // what is made from now on is no part of it
	if f.Until > 0 {
		q.Until = now.Add(-f.Until)
	}
	return q, nil
}

// callbackListCommand lists callbacks.
type callbackListCommand struct {
	databaseFlags
	callbackFilters
	Limit int    `default:"100" help:"How many at most; 0 for all."`
	After string `placeholder:"CURSOR" help:"Only those after this one: a cursor of --json."`
	JSON  bool   `name:"json" help:"Print one JSON object a line."`
}

// Run lists.
func (l callbackListCommand) Run(ctx context.Context, out io.Writer) error {
	if l.Limit < 0 {
		return errors.New("--limit is below 0")
	}
	return l.withCallbacks(ctx, func(log storage) error {
		q, err := l.query(ctx, log)
		if err != nil {
			return err
		}
		q.After = l.After
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		if !l.JSON {
			fmt.Fprintln(table, "EVENT\tPAYMENT\tMERCHANT\tSTATE\tATTEMPTS\tCREATED\tNEXT\tHOST")
		}
		left := l.Limit
		for {
			q.Limit = journal.MaxCallbacks
			if l.Limit > 0 {
				q.Limit = min(left, journal.MaxCallbacks)
			}
			rows, err := log.Callbacks(ctx, q)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if l.JSON {
					err = json.NewEncoder(out).Encode(callbackObject(r))
				} else {
					_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", r.EventID, r.PaymentID, r.MerchantID, r.State, r.Attempts,
						r.CreatedAt.Format(time.RFC3339), nextAttempt(r), hostOf(r.URL))
				}
				if err != nil {
					return err
				}
				q.After = r.Cursor()
			}
			if left -= len(rows); len(rows) < q.Limit || l.Limit > 0 && left == 0 {
				return table.Flush()
			}
		}
	})
}

// callbackJSON is a callback as it is printed.
type callbackJSON struct {
	EventID    string     `json:"eventId"`
	PaymentID  string     `json:"paymentId"`
	MerchantID string     `json:"merchantId"`
	URL        string     `json:"url"` // without its query, which may hold a secret
	Method     string     `json:"method"`
	State      string     `json:"state"`
	Attempts   int64      `json:"attempts"`
	CreatedAt  time.Time  `json:"createdAt"`
	DueAt      *time.Time `json:"dueAt,omitempty"` // while it is pending
	Cursor     string     `json:"cursor"`
}

func callbackObject(r journal.CallbackRow) callbackJSON {
	o := callbackJSON{EventID: r.EventID, PaymentID: r.PaymentID, MerchantID: r.MerchantID, URL: shownURL(r.URL), Method: methodOf(r),
		State: r.State, Attempts: r.Attempts, CreatedAt: r.CreatedAt, Cursor: r.Cursor()}
	if r.State == journal.CallbackPending {
		o.DueAt = &r.DueAt
	}
	return o
}

func nextAttempt(r journal.CallbackRow) string {
	if r.State != journal.CallbackPending {
		return "-"
	}
	return r.DueAt.Format(time.RFC3339)
}

func methodOf(r journal.CallbackRow) string {
	if r.Method == "" {
		return "POST"
	}
	return r.Method
}

// shownURL is a URL without what may be a secret: its query and its user.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return ""
	case err != nil:
		return "unreadable"
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.String()
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "-"
	}
	return u.Host
}

// callbackShowCommand shows one callback.
type callbackShowCommand struct {
	databaseFlags
	Event string `arg:"" help:"The event id, as in X-Galla-Event-Id."`
	JSON  bool   `name:"json" help:"Print it as JSON: the callback, then one attempt a line."`
}

// attemptJSON is a line of the delivery log as it is printed.
type attemptJSON struct {
	Attempt    int64      `json:"attempt"`
	StartedAt  time.Time  `json:"startedAt"`
	FinishedAt *time.Time `json:"finishedAt,omitempty"`
	Result     string     `json:"result,omitempty"`
	HTTPStatus int64      `json:"httpStatus,omitempty"`
	Error      string     `json:"error,omitempty"`
	TookMs     int64      `json:"tookMs,omitempty"`
}

// Run shows.
func (s callbackShowCommand) Run(ctx context.Context, out io.Writer) error {
	return s.withCallbacks(ctx, func(log storage) error {
		rows, err := log.Callbacks(ctx, journal.CallbackQuery{EventID: s.Event})
		if err != nil {
			return err
		}
		if len(rows) == 0 || s.Event == "" {
			return fmt.Errorf("there is no callback %s", s.Event)
		}
		attempts, err := log.CallbackAttempts(ctx, s.Event)
		if err != nil {
			return err
		}
		if s.JSON {
			return printCallbackJSON(out, rows[0], attempts)
		}
		o := callbackObject(rows[0])
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(table, "event\t%s\npayment\t%s\nmerchant\t%s\nsends\t%s %s\nstate\t%s\ncreated\t%s\nnext\t%s\nattempts\t%d\n\n",
			o.EventID, o.PaymentID, o.MerchantID, o.Method, o.URL, o.State, o.CreatedAt.Format(time.RFC3339), nextAttempt(rows[0]), o.Attempts)
		if len(attempts) > 0 {
			fmt.Fprintln(table, "ATTEMPT\tSTARTED\tTOOK\tRESULT\tHTTP\tERROR")
		}
		for _, a := range attempts {
			result, took, status := a.Result, a.Took.Round(time.Millisecond).String(), fmt.Sprint(a.HTTPStatus)
			if a.FinishedAt.IsZero() {
				result, took = "under way or lost", "-"
			}
			if a.HTTPStatus == 0 {
				status = "-"
			}
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", a.Attempt, a.StartedAt.Format(time.RFC3339), took, result, status, a.Error)
		}
		return table.Flush()
	})
}

func printCallbackJSON(out io.Writer, row journal.CallbackRow, attempts []journal.CallbackAttempt) error {
	lines := json.NewEncoder(out)
	if err := lines.Encode(callbackObject(row)); err != nil {
		return err
	}
	for _, a := range attempts {
		o := attemptJSON{Attempt: a.Attempt, StartedAt: a.StartedAt, Result: a.Result, HTTPStatus: a.HTTPStatus, Error: a.Error,
			TookMs: a.Took.Milliseconds()}
		if !a.FinishedAt.IsZero() {
			o.FinishedAt = &a.FinishedAt
		}
		if err := lines.Encode(o); err != nil {
			return err
		}
	}
	return nil
}

// callbackResendCommand has callbacks sent again, with the same event ids.
type callbackResendCommand struct {
	databaseFlags
	callbackFilters
	Event string `arg:"" optional:"" help:"The event id, as in X-Galla-Event-Id; else --payment or --since says which."`
	JSON  bool   `name:"json" help:"Print the count as a JSON object."`
}

// Run has them sent again: all, page by page, that there are now.
func (r callbackResendCommand) Run(ctx context.Context, out io.Writer) error {
	switch {
	case r.Event == "" && r.Payment == "" && r.Since == 0:
		return errors.New("say which: an event id, --payment or --since")
	case r.Event != "" && r.callbackFilters != (callbackFilters{}):
		return errors.New("an event id says it all: no other filter goes with it")
	}
	return r.withCallbacks(ctx, func(log storage) error {
		q, err := r.query(ctx, log)
		if err != nil {
			return err
		}
		q.EventID = r.Event
		if err := admin.NewService(log).Note(ctx, cliActor(), "callback.resend", cmp.Or(r.Event, r.Payment, "range"), q); err != nil {
			return err
		}
		n, err := resendAll(ctx, log, q)
		if err != nil {
			return fmt.Errorf("%d are to be sent again, then: %w", n, err)
		}
		if r.Event != "" && n == 0 {
			return fmt.Errorf("there is no callback %s that could be sent", r.Event)
		}
		if r.JSON {
			return json.NewEncoder(out).Encode(map[string]int{"resent": n})
		}
		_, err = fmt.Fprintf(out, "%d to be sent again\n", n)
		return err
	})
}

// resendAll lists page by page and resends what it has listed: each callback
// once, though those that are sent meanwhile fit the question again.
func resendAll(ctx context.Context, log callbackLog, q journal.CallbackQuery) (int, error) {
	const page = 500
	q.Limit = page
	all := 0
	for {
		rows, err := log.Callbacks(ctx, q)
		if err != nil || len(rows) == 0 {
			return all, err
		}
		these := q
		these.After, these.EventIDs = "", nil
		for _, row := range rows {
			these.EventIDs = append(these.EventIDs, row.EventID)
			q.After = row.Cursor()
		}
		n, err := log.ResendCallbacks(ctx, these)
		all += n
		if err != nil || len(rows) < page {
			return all, err
		}
	}
}
