package growth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
)

// The sandbox's merchant, whose terminals nobody has switched on.
const (
	merchantID = "COGWAVEOFFLINE"
	payee      = "cogwave@upi"
	salt       = "sandbox-merchant-key"
	amount     = "245.00"
	rest       = 12 * time.Second // after it every connection has handed in what it has counted
)

// ask asks the payment API and returns the answer's text.
func (s *site) ask(ctx context.Context, method, path, signed, contentType, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", contentType)
	if signed != "-" {
		request.Header.Set("X-VERIFY", xverify.Header(signed, path, salt, 1))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return string(text), err
}

// init asks for a payment that nobody will pay.
func (s *site) init(ctx context.Context) error {
	s.asked++
	body, err := json.Marshal(map[string]any{
		"merchantId": merchantID, "storeId": "teststore1", "merchantTransactionId": fmt.Sprintf("INIT%d-%d", time.Now().UnixNano(), s.asked),
		"terminalId": "testterminal1", "orderId": "o", "amount": 24500, "solutionType": "DQR_DEVICE", "expiresIn": 60,
	})
	if err != nil {
		return err
	}
	encoded := xverify.EncodeBody(body)
	_, err = s.ask(ctx, http.MethodPost, "/v1/payment/init", encoded, "application/json", `{"request":"`+encoded+`"}`)
	return err
}

// status asks for one of the copies.
func (s *site) status(ctx context.Context) error {
	s.asked++
	path := "/v1/payment/" + merchantID + "/" + s.known[s.asked%len(s.known)] + "/status"
	_, err := s.ask(ctx, http.MethodGet, path, "", "application/json", "")
	return err
}

// sample picks payments to be asked for, of all ages.
func (s *site) sample(ctx context.Context) error {
	text, err := s.query(ctx, "SELECT merchant_transaction_id FROM transactions WHERE merchant_id = "+quoted(merchantID)+
		" AND created_at < now() - interval '30 minutes' ORDER BY md5(id) LIMIT 2000;")
	if s.known = strings.Fields(text); err == nil && len(s.known) == 0 {
		err = errors.New("there are no payments to ask for")
	}
	return err
}

var tokenOf = regexp.MustCompile(`<VerToken>([^<]+)</VerToken>`)

// pay has a customer's bank ask and pay for a QR that was made elsewhere.
func (s *site) pay(ctx context.Context) (t template, err error) {
	s.asked++
	unique := fmt.Sprintf("%030d", time.Now().UnixNano()+int64(s.asked))
	t.validateMsg, t.payMsg, t.txn = "MV"+unique, "MP"+unique, "TX"+unique
	now := time.Now().UTC().Format("2006-01-02T15:04:05Z")
	link := xverify.EncodeBody([]byte("upi://pay?ver=01&mode=16&pa=" + payee + "&pn=Galla&mc=5411&am=" + amount + "&cu=INR"))
	answer, err := s.ask(ctx, http.MethodPost, "/api/v1/dynamic-qr/validate", "-", "application/xml", "<ReqValQr><MsgID>"+t.validateMsg+"</MsgID><Ts>"+now+
		"</Ts><OrgID>MER101</OrgID><Curr>INR</Curr><Amount>"+amount+"</Amount><Mcc>5411</Mcc><RefUrl>"+link+"</RefUrl></ReqValQr>")
	if err != nil {
		return t, err
	}
	found := tokenOf.FindStringSubmatch(answer)
	if found == nil {
		return t, fmt.Errorf("no token in %s", answer)
	}
	t.token = found[1]
	answer, err = s.ask(ctx, http.MethodPost, "/api/v1/dynamic-qr/pay", "-", "application/xml", "<ReqPay><MsgID>"+t.payMsg+"</MsgID><TxnID>"+t.txn+
		"</TxnID><VerToken>"+t.token+"</VerToken><Amount>"+amount+"</Amount><Curr>INR</Curr><PayerAddr>customer@upi</PayerAddr><PayeeAddr>"+payee+
		"</PayeeAddr><Timestamp>"+now+"</Timestamp></ReqPay>")
	if err == nil && !strings.Contains(answer, "<Status>00</Status>") {
		err = fmt.Errorf("not paid: %s", answer)
	}
	return t, err
}

// makeTemplate has one payment made and paid, and finds its rows.
func (s *site) makeTemplate(ctx context.Context) (err error) {
	if s.template, err = s.pay(ctx); err != nil {
		return err
	}
	row, err := s.query(ctx, fmt.Sprintf(`SELECT t.id, t.merchant_transaction_id IN (r.txn_id, t.id), t.created_at FROM req_pays AS r JOIN transactions AS t ON t.id = r.transaction_id
		WHERE r.txn_id = %s;`, quoted(s.template.txn)))
	if err != nil {
		return err
	}
	columns := strings.Split(row, "|")
	if len(columns) != 3 || columns[1] != "t" { // a QR made elsewhere: the merchant's id is one of those that are copied
		return fmt.Errorf("the payment that was made is there as %q", row)
	}
	s.template.id, s.template.at = columns[0], columns[2]
	return nil
}

// touched is how many blocks have been touched in the database.
func (s *site) touched(ctx context.Context) (int64, error) {
	text, err := s.query(ctx, `SELECT sum(coalesce(heap_blks_read + heap_blks_hit, 0) + coalesce(idx_blks_read + idx_blks_hit, 0)
		+ coalesce(toast_blks_read + toast_blks_hit, 0)) FROM pg_statio_user_tables;`)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// compare asks both sites for the same things in turn, and prints what each took.
func (h *house) compare(ctx context.Context, out io.Writer, rounds int) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "work\tmedian %s\tmedian %s\tratio\tblocks %[1]s\tblocks %[2]s\tratio\n", h.sites[0].database, h.sites[1].database)
	for _, w := range []struct {
		name string
		do   func(ctx context.Context, s *site) error
	}{
		{"init", func(ctx context.Context, s *site) error { return s.init(ctx) }},
		{"status of an old payment", func(ctx context.Context, s *site) error { return s.status(ctx) }},
		{"ReqValQr and ReqPay", func(ctx context.Context, s *site) error { _, err := s.pay(ctx); return err }},
		{"sweeps and outbox, at rest", nil},
	} {
		took, blocks, err := h.inTurn(ctx, rounds, w.do)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if w.do == nil {
			fmt.Fprintf(table, "%s\t-\t-\t-\t%.1f/s\t%.1f/s\t%.2f\n", w.name, blocks[0], blocks[1], blocks[1]/max(blocks[0], 1))
			continue
		}
		fmt.Fprintf(table, "%s\t%.2f ms\t%.2f ms\t%.2f\t%.1f\t%.1f\t%.2f\n", w.name, milliseconds(took[0]), milliseconds(took[1]),
			float64(took[1])/float64(took[0]), blocks[0], blocks[1], blocks[1]/max(blocks[0], 1))
	}
	return table.Flush()
}

// inTurn does something so many times at each site, A B A B, and returns the
// medians of the times and the blocks of one; nil is doing nothing for a while, and
// returns blocks a second. The blocks are those of the work alone: what the
// controller does by itself in the same time is taken off.
func (h *house) inTurn(ctx context.Context, rounds int, do func(ctx context.Context, s *site) error) (took [2]time.Duration, blocks [2]float64, err error) {
	var each [2][]time.Duration
	idle, err := h.blocksOf(ctx, func() error { return nil })
	if err != nil || do == nil {
		return took, idle, err
	}
	busy, err := h.blocksOf(ctx, func() error {
		for n := range rounds {
			for i := range h.sites {
				if n%2 == 1 {
					i = 1 - i
				}
				began := time.Now()
				if err := do(ctx, h.sites[i]); err != nil {
					return err
				}
				each[i] = append(each[i], time.Since(began))
			}
		}
		return nil
	})
	for i := range each {
		if err == nil {
			slices.Sort(each[i])
			took[i] = each[i][len(each[i])/2]
			// Both are for a second; the work's are for one piece.
			blocks[i] = max(busy[i]-idle[i], 0) * h.lasted.Seconds() / float64(rounds)
		}
	}
	return took, blocks, err
}

// blocksOf is how many blocks a second are touched while something is done and
// until all of it is counted.
func (h *house) blocksOf(ctx context.Context, do func() error) (rate [2]float64, err error) {
	var before [2]int64
	for i, s := range h.sites {
		if before[i], err = s.touched(ctx); err != nil {
			return rate, err
		}
	}
	began := time.Now()
	if err := do(); err != nil {
		return rate, err
	}
	select {
	case <-ctx.Done():
		return rate, ctx.Err()
	case <-time.After(rest):
	}
	h.lasted = time.Since(began)
	for i, s := range h.sites {
		after, err := s.touched(ctx)
		if err != nil {
			return rate, err
		}
		rate[i] = float64(after-before[i]) / h.lasted.Seconds()
	}
	return rate, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// sizes prints what each table and its indexes take, in all and for each payment.
func (s *site) sizes(ctx context.Context, out io.Writer) error {
	text, err := s.query(ctx, `SELECT t.relname, sum(pg_table_size(p.oid)), sum(pg_indexes_size(p.oid)) FROM pg_class AS t CROSS JOIN LATERAL (
			SELECT t.oid WHERE t.relkind = 'r'
			UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = t.oid AND t.relkind = 'p') AS p
		WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
		GROUP BY t.relname HAVING sum(pg_total_relation_size(p.oid)) > 100000 ORDER BY 2 DESC;`)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\ntable of %d payments\trows MB\tindexes MB\trows B/payment\tindexes B/payment\n", s.payments)
	var all [2]float64
	for line := range strings.Lines(text) {
		var name string
		var size [2]float64
		if _, err := fmt.Sscanf(strings.ReplaceAll(strings.TrimSpace(line), "|", " "), "%s %g %g", &name, &size[0], &size[1]); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		s.size(table, name, size)
		all[0], all[1] = all[0]+size[0], all[1]+size[1]
	}
	s.size(table, "all", all)
	return table.Flush()
}

func (s *site) size(w io.Writer, name string, size [2]float64) {
	n := float64(s.payments)
	fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.0f\t%.0f\n", name, size[0]/1e6, size[1]/1e6, size[0]/n, size[1]/n)
}
