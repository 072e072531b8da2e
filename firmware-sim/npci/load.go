package npci

import (
	"context"
	"errors"
	"sync"
)

// Tally is what came of many ReqPays, by what they were answered.
type Tally struct {
	Paid     []RespPay
	TimedOut []RespPay      // 00 with Result TIMEOUT
	Refused  map[string]int // by Status, or by Result where it is 00
	Lost     []error        // those without an answer
}

// Copies returns n ReqPays that say the same, each with a MsgID and TxnID of its
// own: with one token only one of them may be paid.
func Copies(req ReqPay, n int) []ReqPay {
	reqs := make([]ReqPay, n)
	for i := range reqs {
		reqs[i] = req
		reqs[i].MsgID, reqs[i].TxnID = NewID("PAY"), NewID("TXN")
	}
	return reqs
}

// PayAtOnce sends all ReqPays at the same moment, each on a connection of its own
// if need be, and returns when each has its answer, or none.
func (c *Client) PayAtOnce(ctx context.Context, reqs []ReqPay) Tally {
	t := Tally{Refused: map[string]int{}}
	var mu sync.Mutex
	var all, ready sync.WaitGroup
	start := make(chan struct{})
	ready.Add(len(reqs))
	for _, req := range reqs {
		all.Go(func() {
			ready.Done()
			<-start
			resp, err := c.Pay(ctx, req)
			mu.Lock()
			defer mu.Unlock()
			t.add(resp, err)
		})
	}
	ready.Wait()
	close(start)
	all.Wait()
	return t
}

func (t *Tally) add(resp RespPay, err error) {
	switch {
	case err != nil:
		t.Lost = append(t.Lost, err)
	case resp.Paid():
		t.Paid = append(t.Paid, resp)
	case resp.Result == "TIMEOUT":
		t.TimedOut = append(t.TimedOut, resp)
	case resp.Status == "00":
		t.Refused[resp.Result]++
	default:
		t.Refused[resp.Status]++
	}
}

// Tokens validates the same QR n times, with so many at once, and returns a
// ReqPay for each token. A refusal is an error.
func (c *Client) Tokens(ctx context.Context, p Purchase, n, atOnce int) ([]ReqPay, error) {
	reqs, errs := make([]ReqPay, n), make([]error, n)
	eachOf(n, atOnce, func(i int) {
		quote, err := c.validate(ctx, ReqValQr{
			OrgID: p.QR.OrgID, Curr: p.QR.Curr, Amount: p.QR.Amount, MCC: p.QR.MCC, RefURL: p.QR.RefURL, PayeeAddr: p.QR.PayeeAddr, TxnRef: p.QR.TxnRef,
		})
		if err == nil && quote.Status != "00" {
			err = errors.New("the QR is refused: " + quote.Status + " " + quote.Message)
		}
		payee := p.PayeeAddr
		if payee == "" {
			payee = p.QR.PayeeAddr
		}
		reqs[i], errs[i] = ReqPay{
			MsgID: NewID("PAY"), TxnID: NewID("TXN"), VerToken: quote.VerToken, Amount: p.QR.Amount, Curr: p.QR.Curr,
			PayerAddr: p.PayerAddr, PayeeAddr: payee,
		}, err
	})
	return reqs, errors.Join(errs...)
}

// eachOf does something for 0 to n-1, with so many at once.
func eachOf(n, atOnce int, do func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range min(n, max(atOnce, 1)) {
		all.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}
