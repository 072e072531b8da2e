package payapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// bothHouses runs a test on a house of either storage.
func bothHouses(t *testing.T, test func(t *testing.T, c *city)) {
	t.Parallel()
	for name, house := range map[string]func(testing.TB, ...func(*merchant.Data)) *doortest.House{
		"SQLite": doortest.New, "PostgreSQL": doortest.NewPostgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &city{door: newDoorOf(t, house(t, shops))})
		})
	}
}

// rows asks and returns one field of the rows that came, in their order.
func (c *city) rows(path string, payload fields, list, field string) []string {
	c.t.Helper()
	a := c.send(postTo(c.t, path, merchantKey, with(fields{"merchantId": "MERCHANTUAT"}, payload)))
	var form struct{ Data json.RawMessage }
	if a.status != 200 || json.Unmarshal([]byte(a.raw), &form) != nil {
		c.t.Fatalf("%v: %d %s", payload, a.status, a.raw)
	}
	if list != "" {
		var data map[string]json.RawMessage
		if err := json.Unmarshal(form.Data, &data); err != nil {
			c.t.Fatal(err)
		}
		form.Data = data[list]
	}
	var all []map[string]any
	if err := json.Unmarshal(form.Data, &all); err != nil || all == nil {
		c.t.Fatalf("%v: %s is no list: %v", payload, form.Data, err)
	}
	ids := []string{}
	for _, row := range all {
		ids = append(ids, fmt.Sprint(row[field]))
	}
	return ids
}

func (c *city) is(what string, got []string, want ...string) {
	c.t.Helper()
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestSearch is phonepe-api: Endpoints, EDC search.
func TestSearch(t *testing.T) {
	bothHouses(t, func(t *testing.T, c *city) {
		other := fields{"storeId": "MS2403212004046998204201", "terminalId": "MST2405301213090857163565"}
		first := c.made(edcPath, edcSample, "", paid...)
		second := c.made(edcPath, with(edcSample, fields{"amount": 300}), "", paid...)
		waiting := c.made(edcPath, edcSample, "")
		elsewhere := c.made(edcPath, with(edcSample, other), "", paid...)
		const rrn = "632512004217" // of every success here
		search := func(change fields) []string {
			t.Helper()
			return c.rows("/v1/edc/transaction/status", with(fields{"terminalId": "testterminal1"}, change), "", "transactionId")
		}
		now := time.Now().UnixMilli()
		c.is("by RRN, newest first", search(fields{"rrn": rrn}), second, first)
		c.is("by id", search(fields{"merchantTransactionId": waiting}), waiting)
		c.is("the id wins", search(fields{"merchantTransactionId": waiting, "rrn": rrn}), waiting)
		c.is("the id wins, though nobody has it", search(fields{"merchantTransactionId": "nobodys", "rrn": rrn}))
		c.is("RRN of nobody", search(fields{"rrn": "000000000000"}))
		c.is("at another terminal", search(fields{"merchantTransactionId": elsewhere}))
		c.is("at its own", c.rows("/v1/edc/transaction/status", fields{"terminalId": other["terminalId"], "rrn": rrn}, "", "transactionId"), elsewhere)
		c.is("with the amount", search(fields{"rrn": rrn, "amount": "300"}), second)
		c.is("of no amount", search(fields{"rrn": rrn, "amount": nil}), second, first)
		c.is("before", search(fields{"rrn": rrn, "endTimestamp": now - 60_000}))
		c.is("after", search(fields{"rrn": rrn, "startTimestamp": now + 60_000}))
		c.is("within", search(fields{"rrn": rrn, "startTimestamp": now - 60_000, "endTimestamp": fmt.Sprint(now + 60_000)}), second, first)
		c.is("at one moment, as the sample", search(fields{"rrn": rrn, "startTimestamp": now, "endTimestamp": now}))
		for why, change := range map[string]fields{
			"BAD_REQUEST":            {"rrn": rrn, "startTimestamp": now, "endTimestamp": now - 1},
			"INVALID_TERMINAL_ID":    {"rrn": rrn, "terminalId": "secondterminal"},
			"INVALID_TRANSACTION_ID": {"merchantTransactionId": "a b"},
			"INVALID_AMOUNT":         {"rrn": rrn, "amount": 0},
		} {
			if a := c.send(postTo(t, "/v1/edc/transaction/status", merchantKey, with(fields{"merchantId": "MERCHANTUAT", "terminalId": "testterminal1"}, change))); a.status != 400 || a.Code != why {
				t.Errorf("%v: %d %s, want %s", change, a.status, a.raw, why)
			}
		}
	})
}

// TestSearchLooksBackADay: a search that names no time finds what is younger
// than 24 hours; one that names its end alone looks back a day from there.
func TestSearchLooksBackADay(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	hours := func(n int) time.Time { return time.Now().Add(time.Duration(-n) * time.Hour) }
	for _, n := range []int{23, 25, 47, 49} {
		c.aged(fmt.Sprint("OLD", n), hours(n))
	}
	search := func(change fields) []string {
		t.Helper()
		return c.rows("/v1/edc/transaction/status", with(fields{"terminalId": "testterminal1", "rrn": "632512004217"}, change), "", "transactionId")
	}
	c.is("no time", search(nil), "OLD23")
	c.is("a start", search(fields{"startTimestamp": hours(48).UnixMilli()}), "OLD23", "OLD25", "OLD47")
	c.is("an end", search(fields{"endTimestamp": hours(24).UnixMilli()}), "OLD25", "OLD47")
	c.is("an end in seconds", search(fields{"endTimestamp": hours(24).Unix()}), "OLD25", "OLD47")
	c.is("both in seconds", search(fields{"startTimestamp": hours(50).Unix(), "endTimestamp": hours(48).Unix()}), "OLD49")
}

// aged is an EDC payment of that age, paid.
func (c *city) aged(id string, at time.Time) {
	c.t.Helper()
	p := payment.Payment{
		ID: "GP" + id, Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id}, StoreID: "teststore1", TerminalID: "testterminal1",
		OrderID: "O", Amount: 200, Solution: payment.EDC, State: payment.Succeeded, Attempted: true, Settlement: 199, Reference: "632512004217",
		Payee: "merchant@upi", CreatedAt: at.UTC().Truncate(time.Microsecond), EndedAt: at.UTC().Truncate(time.Microsecond), Signer: "MERCHANTUAT", SignerIndex: "1",
	}
	p.ExpiresAt = p.CreatedAt
	if _, err := journal.Do(c.t.Context(), c.Journal, put{p}); err != nil {
		c.t.Fatal(err)
	}
}

// TestList is phonepe-api: Endpoints, Transaction list: ten at most, newest
// first, of the last five minutes, and refunds are no payments.
func TestList(t *testing.T) {
	bothHouses(t, func(t *testing.T, c *city) {
		var all []string // newest first
		for n := range 12 {
			all = slices.Insert(all, 0, c.made(qrPath, with(qrSample, fields{"amount": 100 + n%2}), "", paid...))
		}
		for n := range 3 { // more than a page of refunds, newer than all
			c.send(postTo(t, refundPath, merchantKey, with(refundSample, fields{"transactionId": fmt.Sprint("R", n), "originalTransactionId": all[n], "amount": 1})))
		}
		edc := c.made(edcPath, with(edcSample, fields{"storeId": "MS2403212004046998204201", "terminalId": "MST2405301213090857163565"}), "")
		list := func(change fields) []string {
			t.Helper()
			return c.rows("/v3/qr/transaction/list", change, "transactions", "transactionId")
		}
		if got := list(nil); len(got) != 10 || got[0] != edc || !slices.Equal(got[1:], all[:9]) {
			t.Errorf("the latest: %v", got)
		}
		c.is("two of the store", list(fields{"storeId": "teststore1", "size": "2"}), all[:2]...)
		c.is("of a terminal's context", list(fields{"terminalId": "till-7", "size": 3}), all[:3]...)
		c.is("of an EDC terminal", list(fields{"terminalId": "MST2405301213090857163565"}), edc)
		c.is("of a store that has none", list(fields{"storeId": "MS2603301457425143586306"}))
		c.is("of an amount", list(fields{"amount": 101}), all[0], all[2], all[4], all[6], all[8], all[10])
		c.is("of the future", list(fields{"startTimestamp": time.Now().Add(time.Minute).UnixMilli()}))
		p, err := c.Storage.Payment(t.Context(), "MERCHANTUAT", all[11])
		if err != nil {
			t.Fatal(err)
		}
		c.is("of a QR", list(fields{"qrCodeId": p.ID}), all[11])
		c.is("of a QR that is not", list(fields{"qrCodeId": "Q06417857"}))
		c.is("by the end of our id", list(fields{"last4Digits": p.ID[len(p.ID)-4:], "amount": p.Amount, "size": 1, "qrCodeId": p.ID}), all[11])
		c.is("by the end of the UTR", list(fields{"last4Digits": "4217", "size": 4}), all[:4]...)
		for _, change := range []fields{{"size": 0}, {"size": 11}, {"size": -1}, {"size": "many"}, {"last4Digits": "42"}, {"last4Digits": 4217}, {"qrCodeId": 1}, {"amount": 0}, {"storeId": 1}, {"terminalId": "a b"}} {
			if a := c.send(postTo(t, "/v3/qr/transaction/list", merchantKey, with(fields{"merchantId": "MERCHANTUAT"}, change))); a.status != 400 || a.Code != "BAD_REQUEST" {
				t.Errorf("%v: %d %s", change, a.status, a.raw)
			}
		}
		// A row says what status says, and when and how it was paid.
		a := c.send(postTo(t, "/v3/qr/transaction/list", merchantKey, fields{"merchantId": "MERCHANTUAT", "storeId": "teststore1", "size": 1}))
		row, _ := a.Data["transactions"].([]any)[0].(map[string]any)
		status := c.send(bare("GET", "/v3/transaction/MERCHANTUAT/"+all[0]+"/status", merchantKey))
		at, _ := row["transactionDate"].(float64)
		if got := fmt.Sprint(row["paymentModes"]); got != "[map[amount:101 mode:ACCOUNT type:ACCOUNT utr:632512004217]]" {
			t.Errorf("paid by %s", got)
		}
		delete(row, "transactionDate")
		delete(row, "paymentModes")
		delete(status.Data, "paymentModes")
		if fmt.Sprint(row) != fmt.Sprint(status.Data) || time.Since(time.UnixMilli(int64(at))).Abs() > time.Minute {
			t.Errorf("row %v at %v\nstatus %v", row, at, status.Data)
		}
		start, _ := a.Data["startTimestamp"].(float64)
		end, _ := a.Data["endTimestamp"].(float64)
		if a.Data["resultCount"] != 1.0 || end-start < 300_000 || end-start > 301_000 {
			t.Errorf("the list's own words: %v", a.Data)
		}
	})
}
