package main

import (
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/settlement"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

// shops is an office with merchants who sold something, on either storage.
type shops struct {
	*office
	storage
	keyFile string
}

func onBothShops(t *testing.T, test func(*testing.T, shops)) {
	t.Parallel()
	for name, database := range map[string]func(dir string) string{
		"sqlite":   func(dir string) string { return "sqlite:" + filepath.Join(dir, "galla.db") },
		"postgres": func(string) string { return testservers.SharedPostgres(t).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := shops{office: &office{t: t, dir: dir, database: database(dir)}, keyFile: filepath.Join(dir, "galla.key")}
			db, _, err := databaseFlags{Database: s.database, SealKeyFile: s.keyFile}.open(t.Context(), slog.New(slog.DiscardHandler))
			must(t, err)
			t.Cleanup(func() { _ = db.Close() })
			must(t, db.Migrate(t.Context()))
			s.storage = db
			must(t, db.Seed(t.Context(), merchant.Data{Merchants: []merchant.Merchant{
				{ID: "SHOP1", Name: "One", MCC: "5411", Active: true}, {ID: "SHOP2", Name: "Two", MCC: "5812"}, {ID: "SHOP3", Name: "Three", MCC: "7011", Active: true},
			}}))
			test(t, s)
		})
	}
}

// settle runs the verb.
func (s shops) settle(line string) (code int, out, talk string) {
	s.t.Helper()
	return s.run("settlement --seal-key-file " + s.keyFile + " " + line)
}

// ended is a payment of a merchant that ended at a time.
func ended(merchantID, id string, amount protocol.Paise, fee quote.Fee, at time.Time) payment.Payment {
	return payment.Payment{
		ID: id, Key: payment.Key{MerchantID: merchantID, TransactionID: "m-" + id}, StoreID: "STORE1", TerminalID: "T1", OrderID: "=bill " + id,
		Amount: amount, Settlement: fee.Settlement(amount), Solution: payment.DQRDevice, Instrument: protocol.PayDQR, State: payment.Succeeded,
		Payee: protocol.VPA(strings.ToLower(merchantID) + "@upi"), CreatedAt: at.Add(-time.Minute), ExpiresAt: at, EndedAt: at, Seq: 1,
	}
}

func refundOf(p payment.Payment, id string, amount protocol.Paise, at time.Time) payment.Payment {
	r := ended(p.MerchantID, id, amount, quote.Fee{}, at)
	r.Solution, r.Original, r.TerminalID, r.Instrument = payment.Refund, p.ID, "", ""
	return r
}

func (s shops) add(all ...payment.Payment) {
	s.t.Helper()
	must(s.t, s.Apply(s.t.Context(), journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{NewPayments: all}, nil
	}))
}

// sums asks the database itself for what the sales of the day settled and what its
// refunds gave back.
func (s shops) sums(from, until time.Time) (settled, refunded int64) {
	s.t.Helper()
	const query = `SELECT coalesce(sum(CASE WHEN solution = 'REFUND' THEN 0 ELSE settlement_amount END), 0),
		coalesce(sum(CASE WHEN solution = 'REFUND' THEN amount ELSE 0 END), 0)
		FROM transactions WHERE status = 'SUCCESS' AND ended_at >= $1 AND ended_at < $2`
	if path, isSQLite := strings.CutPrefix(s.database, "sqlite:"); isSQLite {
		db, err := sql.Open("sqlite", "file:"+path)
		must(s.t, err)
		defer db.Close()
		must(s.t, db.QueryRowContext(s.t.Context(), query, from.UnixMicro(), until.UnixMicro()).Scan(&settled, &refunded))
		return settled, refunded
	}
	conn, err := pgx.Connect(s.t.Context(), s.database)
	must(s.t, err)
	defer conn.Close(s.t.Context())
	must(s.t, conn.QueryRow(s.t.Context(), query, from, until).Scan(&settled, &refunded))
	return settled, refunded
}

// rupeesOf reads an amount of a file, which may be less than 0.
func rupeesOf(t *testing.T, text string) int64 {
	t.Helper()
	plain, negative := strings.CutPrefix(text, "-")
	amount, err := protocol.ParseRupees(plain)
	must(t, err)
	if negative {
		amount = -amount
	}
	return int64(amount)
}

// TestSettlement: the files of a day in India have what succeeded in it and
// nothing else, agree with what is printed and with the database to the paisa, and
// are the same when they are made again.
func TestSettlement(t *testing.T) {
	onBothShops(t, func(t *testing.T, s shops) {
		day, err := settlement.ParseDay("2025-11-21")
		must(t, err)
		from, until := day.Begins(), day.Ends()
		fees := []quote.Fee{{BasisPoints: 50}, {}, {BasisPoints: 90, Rounding: quote.RoundUp}, {BasisPoints: 180, Min: 100, Cap: 2_000}, {BasisPoints: 10_000}}
		var all []payment.Payment
		for i := range 300 {
			at := from.Add(-6 * time.Hour).Add(time.Duration(i) * 7 * time.Minute) // some before, some after
			p := ended(fmt.Sprint("SHOP", 1+i%2), fmt.Sprintf("p%03d", i), protocol.Paise(100+i*7_919), fees[i%len(fees)], at)
			all = append(all, p)
			if i%9 == 0 {
				all = append(all, refundOf(p, fmt.Sprintf("r%03d", i), p.Amount/3+1, at.Add(5*time.Hour)))
			}
		}
		edges := map[string]bool{"first": true, "last": true, "before": false, "after": false}
		for id, at := range map[string]time.Time{
			"first": from, "last": until.Add(-time.Microsecond), "before": from.Add(-time.Microsecond), "after": until,
		} {
			all = append(all, ended("SHOP1", id, 100_000, quote.Fee{BasisPoints: 50}, at))
		}
		failed := ended("SHOP1", "failed", 100_000, quote.Fee{}, from.Add(time.Hour))
		failed.State, failed.Reason, failed.Settlement = payment.Failed, payment.ReasonUPIPrefix+"IP08", 0
		pendingRefund := refundOf(all[0], "pending", 1, from.Add(time.Hour))
		pendingRefund.State, pendingRefund.EndedAt = payment.InProgress, time.Time{}
		s.add(slices.Concat(all, []payment.Payment{failed, pendingRefund})...)

		out := t.TempDir()
		code, printed, talk := s.settle("--date 2025-11-21 --json --out " + out)
		if code != 0 {
			t.Fatalf("exit %d %s", code, talk)
		}
		var sums []settlementSum
		for line := range strings.SplitSeq(strings.TrimSpace(printed), "\n") {
			var sum settlementSum
			must(t, json.Unmarshal([]byte(line), &sum))
			sums = append(sums, sum)
		}
		if len(sums) != 3 || sums[0].MerchantID != "SHOP1" || sums[1].MerchantID != "SHOP2" || sums[2].MerchantID != "*" {
			t.Fatalf("it printed %s", printed)
		}

		total, seen, files := [3]int64{}, map[string]bool{}, map[string][]byte{}
		for i, merchantID := range []string{"SHOP1", "SHOP2"} {
			path := filepath.Join(out, "settlement-"+merchantID+"-2025-11-21.csv")
			text, err := os.ReadFile(path)
			must(t, err)
			files[path] = text
			rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
			must(t, err)
			sum, last := [3]int64{}, ""
			for _, row := range rows[1:] {
				column := map[string]string{}
				for n, name := range rows[0] {
					column[name] = row[n]
				}
				if column["merchantId"] != merchantID || column["mcc"] != []string{"5411", "5812"}[i] || column["orderId"] != "'=bill "+column["transactionId"] {
					t.Errorf("%s has %v", path, column)
				}
				if !strings.HasPrefix(column["endedAt"], "2025-11-21T") || !strings.HasSuffix(column["endedAt"], "+05:30") || column["endedAt"] < last {
					t.Errorf("%s after %s: %v", column["endedAt"], last, column)
				}
				last = column["endedAt"]
				seen[column["transactionId"]] = true
				amounts := [3]int64{rupeesOf(t, column["amount"]), rupeesOf(t, column["fee"]), rupeesOf(t, column["settlement"])}
				if amounts[0]-amounts[1] != amounts[2] || (column["type"] == "REFUND") != (amounts[0] < 0) {
					t.Errorf("%v", column)
				}
				for n, amount := range amounts {
					sum[n] += amount
					total[n] += amount
				}
			}
			if got := [3]int64{rupeesOf(t, sums[i].Amount), rupeesOf(t, sums[i].Fee), rupeesOf(t, sums[i].Settlement)}; got != sum || sums[i].File != path {
				t.Errorf("%s comes to %v, printed is %+v", path, sum, sums[i])
			}
		}
		if got := [3]int64{rupeesOf(t, sums[2].Amount), rupeesOf(t, sums[2].Fee), rupeesOf(t, sums[2].Settlement)}; got != total {
			t.Errorf("all files come to %v, printed is %+v", total, sums[2])
		}
		settled, refunded := s.sums(from, until)
		if total[2] != settled-refunded || refunded == 0 || sums[2].Refunds == 0 {
			t.Errorf("the files settle %d, the database %d less %d of refunds", total[2], settled, refunded)
		}
		for id, want := range edges {
			if seen[id] != want {
				t.Errorf("the payment %s the day is there: %v", id, seen[id])
			}
		}
		if seen["failed"] || seen["pending"] {
			t.Error("what did not succeed is there")
		}
		for _, p := range all {
			if want := !p.EndedAt.Before(from) && p.EndedAt.Before(until); seen[p.ID] != want {
				t.Errorf("%s, which ended at %s, is there: %v", p.ID, p.EndedAt, seen[p.ID])
			}
		}

		if code, again, talk := s.settle("--date 2025-11-21 --json --out " + out); code != 0 || again != printed {
			t.Errorf("again: exit %d %s%s", code, again, talk)
		}
		for path, text := range files {
			if again, err := os.ReadFile(path); err != nil || !slices.Equal(again, text) {
				t.Errorf("%s is another now, %v", path, err)
			}
		}
		if entries, err := os.ReadDir(out); err != nil || len(entries) != 2 {
			t.Errorf("there are %v, %v", entries, err)
		}

		// To standard output the files themselves go, and the sums beside them.
		code, csvText, talk := s.settle("--date 2025-11-21 --merchant SHOP2 --out -")
		want := string(files[filepath.Join(out, "settlement-SHOP2-2025-11-21.csv")])
		if code != 0 || csvText != want || !strings.Contains(talk, "MERCHANTID") || !strings.Contains(talk, sums[1].Settlement) {
			t.Errorf("to standard output: exit %d, the same %v\n%s", code, csvText == want, talk)
		}
		// Who sold nothing has a file where it was asked for.
		if code, printed, talk := s.settle("--date 2025-11-21 --merchant SHOP3 --out " + out); code != 0 || squeezed(printed) != squeezed(`
MERCHANTID SALES REFUNDS AMOUNT FEE SETTLEMENT FILE
SHOP3 0 0 0.00 0.00 0.00 `+filepath.Join(out, "settlement-SHOP3-2025-11-21.csv")+`
* 0 0 0.00 0.00 0.00 -`) {
			t.Errorf("exit %d %s%s", code, printed, talk)
		}
	})
}

// TestSettlementOfToday: a day that is not over is refused, unless what there is of
// it is asked for; one that has not begun always is.
func TestSettlementOfToday(t *testing.T) {
	onBothShops(t, func(t *testing.T, s shops) {
		out := t.TempDir()
		ist := time.FixedZone("IST", 5*3600+1800)
		for {
			now := time.Now().In(ist)
			today, tomorrow := now.Format(time.DateOnly), now.AddDate(0, 0, 1).Format(time.DateOnly)
			code, _, talk := s.settle("--date " + today + " --out " + out)
			partialCode, _, partialTalk := s.settle("--date " + today + " --partial --merchant SHOP1 --out " + out)
			futureCode, _, futureTalk := s.settle("--date " + tomorrow + " --partial --out " + out)
			if time.Now().In(ist).Format(time.DateOnly) != today {
				continue // midnight came in between
			}
			if code != 1 || !strings.Contains(talk, today+" is not over in India") || !strings.Contains(talk, "--partial") {
				t.Errorf("today: exit %d %s", code, talk)
			}
			if partialCode != 0 {
				t.Errorf("what there is of today: exit %d %s", partialCode, partialTalk)
			}
			if futureCode != 2 || !strings.Contains(futureTalk, tomorrow+" has not begun in India") {
				t.Errorf("tomorrow: exit %d %s", futureCode, futureTalk)
			}
			entries, err := os.ReadDir(out)
			if err != nil || len(entries) != 1 || entries[0].Name() != "settlement-SHOP1-"+today+".partial.csv" {
				t.Errorf("there are %v, %v", entries, err)
			}
			return
		}
	})
}

// TestWrongUseOfSettlement: one clear line, and nothing is written.
func TestWrongUseOfSettlement(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	out := t.TempDir()
	for line, want := range map[string]struct {
		code int
		talk string
	}{
		"":                                      {2, "--date"},
		"--date 21.11.2025":                     {2, "--date: want a date like 2026-11-21"},
		"--date 2025-02-30":                     {2, "--date: want a date like 2026-11-21"},
		"--date 2025-11-21 --merchant NOBODY":   {3, "There is no merchant NOBODY; try: galla-controller merchant list"},
		"--date 2025-11-21 --merchant ../SHOP1": {3, "There is no merchant ../SHOP1"},
		"--date 2025-11-21 --out " + out + "/x": {2, "--out: " + out + "/x is no directory"},
	} {
		if !strings.Contains(line, "--out") {
			line += " --out " + out
		}
		code, printed, talk := o.run("settlement " + line)
		if code != want.code || printed != "" || !strings.Contains(talk, want.talk) || strings.Count(strings.TrimSpace(talk), "\n") > 0 {
			t.Errorf("%s: exit %d %s%s", line, code, printed, talk)
		}
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) != 0 {
		t.Errorf("there are %v, %v", entries, err)
	}
	if code, printed, talk := o.run("settlement --date 2025-11-21 --json --out " + out); code != 0 ||
		printed != `{"merchantId":"*","sales":0,"refunds":0,"amount":"0.00","fee":"0.00","settlement":"0.00"}`+"\n" {
		t.Errorf("of nobody: exit %d %s%s", code, printed, talk)
	}
}
