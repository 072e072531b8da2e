package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"
)

// listenPrinter says what happens: callbacks on out, the rest on errs.
type listenPrinter struct {
	out, errs io.Writer
	json      bool
	trouble   string // what was last said to be wrong
}

// forwarded prints one line for an event that was taken.
func (p *listenPrinter) forwarded(e feedEvent, target *url.URL, status int, took time.Duration, attempts int) {
	about := readCallback(e.Body)
	if p.json {
		line, err := json.Marshal(struct {
			EventID       string `json:"eventId"`
			CreatedAt     int64  `json:"createdAt"`
			HTTPStatus    int    `json:"httpStatus"`
			TookMs        int64  `json:"tookMs"`
			Attempts      int    `json:"attempts"`
			TransactionID string `json:"transactionId,omitempty"`
			Status        string `json:"status,omitempty"`
			Amount        int64  `json:"amount,omitempty"`
		}{e.EventID, e.CreatedAt, status, took.Milliseconds(), attempts, about.TransactionID, about.state(), about.Amount})
		if err == nil {
			_, _ = fmt.Fprintf(p.out, "%s\n", line)
		}
		return
	}
	_, _ = fmt.Fprintf(p.out, "%s %s %s %s %d.%02d -> %s %s %d in %v\n", time.UnixMilli(e.CreatedAt).Format(time.DateTime), e.EventID,
		dashIfEmpty(about.TransactionID), dashIfEmpty(about.state()), about.Amount/100, about.Amount%100, e.Method, p.place(target), status, took.Round(time.Millisecond))
}

// place is a URL without what may be a secret.
func (p *listenPrinter) place(u *url.URL) string { return shownURL(u.String()) }

// failed says what is wrong, once while it lasts.
func (p *listenPrinter) failed(err error, pause time.Duration) {
	if text := err.Error(); text != p.trouble {
		p.trouble = text
		_, _ = fmt.Fprintf(p.errs, "%s; trying again, next in %v\n", text, pause)
	}
}

// well forgets the trouble with who, and says so.
func (p *listenPrinter) well(who string) {
	if len(p.trouble) > len(who) && p.trouble[:len(who)+1] == who+":" {
		p.trouble = ""
		_, _ = fmt.Fprintf(p.errs, "%s: well again\n", who)
	}
}

func (p *listenPrinter) said(format string, args ...any) {
	_, _ = fmt.Fprintf(p.errs, format+"\n", args...)
}

// callbackData is what a callback's body says of the payment, as far as a line
// shows it: of v1 and of v3 (phonepe-api: Status data).
type callbackData struct {
	TransactionID string `json:"transactionId"`
	Status        string `json:"status"`
	PaymentState  string `json:"paymentState"`
	Amount        int64  `json:"amount"`
}

func (d callbackData) state() string {
	if d.Status != "" {
		return d.Status
	}
	return d.PaymentState
}

// readCallback reads the body; what it cannot read it leaves empty.
func readCallback(body string) callbackData {
	var outer struct{ Response string }
	var inner struct{ Data callbackData }
	if json.Unmarshal([]byte(body), &outer) != nil {
		return callbackData{}
	}
	text, err := base64.StdEncoding.DecodeString(outer.Response)
	if err != nil || json.Unmarshal(text, &inner) != nil {
		return callbackData{}
	}
	return inner.Data
}

func dashIfEmpty(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
