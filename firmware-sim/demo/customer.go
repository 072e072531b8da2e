package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
)

// lookFor is how long a phone looks at a panel that presents.
const lookFor = 5 * time.Second

// customers are everybody who pays in the demo: their phones, the network that
// they pay through, and which transaction was for which payment.
type customers struct {
	client  *http.Client
	network *npci.Client

	mu    sync.Mutex
	tries map[string][]string // TxnIDs by merchantTransactionId
}

func newCustomers(upiURL string, books *npci.Books) *customers {
	// Longer than a payment may take whose bank does not answer.
	client := &http.Client{Timeout: 45 * time.Second, Transport: &http.Transport{}}
	return &customers{
		client:  client,
		network: &npci.Client{BaseURL: upiURL, HTTP: client, Books: books},
		tries:   map[string][]string{},
	}
}

// close lets go of idle connections.
func (p *customers) close() { p.client.CloseIdleConnections() }

// scan is one customer who scans what the counter presents and pays, or whose
// bank declines. It returns true when the controller said how it ended, for
// better or worse, and false when that is not known: no answer, or one that is
// not final. What it sees goes into the timeline.
func (s *stage) scan(ctx context.Context, c *counter, sale Sale, decline bool) (answered bool, err error) {
	result, err := phone.Pay(ctx, phone.Options{
		PanelURL: c.panelURL(),
		UPIURL:   s.till.url,
		Decline:  decline,
		Wait:     lookFor,
		Network:  s.phones.network,
		HTTP:     s.phones.client,
		Out:      &steps{s.timeline, sale.TransactionID},
	})
	if result.TxnID != "" {
		s.phones.mu.Lock()
		s.phones.tries[sale.TransactionID] = append(s.phones.tries[sale.TransactionID], result.TxnID)
		s.phones.mu.Unlock()
	}
	switch {
	case errors.Is(err, npci.ErrNoAnswer), errors.Is(err, phone.ErrNoQR):
		s.timeline.Add(whoPhone, sale.TransactionID, "%v", err)
		return false, nil
	case err != nil:
		return false, err
	}
	return !inDoubt(result), nil
}

// inDoubt reports whether an answer leaves open what became of the payment: the
// controller's own failure, or a bank that did not answer in time.
func inDoubt(r phone.Result) bool {
	return r.ValidateStatus == "96" || r.PayStatus == "96" || r.PayResult == "TIMEOUT"
}

// check looks the payment up in the network's books: see taken.
func (p *customers) check(id string, succeeded bool) error {
	p.mu.Lock()
	tries := slices.Clone(p.tries[id])
	p.mu.Unlock()
	return taken(p.network.Ledger(), tries, succeeded)
}

// taken checks the books of the transactions that were tries to pay one
// payment. One that succeeded was accepted exactly once, or not at all but with
// a try whose answer was lost; one that did not was never accepted.
func taken(ledger npci.Ledger, tries []string, succeeded bool) error {
	accepted, lost := 0, 0
	for _, entry := range ledger.Entries {
		if !slices.Contains(tries, entry.TxnID) {
			continue
		}
		accepted += entry.Accepted
		if entry.State == npci.Unknown {
			lost++
		}
	}
	switch {
	case accepted > 1, accepted > 0 && !succeeded, accepted == 0 && succeeded && lost == 0:
		return fmt.Errorf("the network had %d accepted and %d unanswered payments for it", accepted, lost)
	case len(ledger.Contradictions) > 0:
		return fmt.Errorf("the controller contradicted itself: %s", strings.Join(ledger.Contradictions, "; "))
	}
	return nil
}

// steps is phone.Options.Out: every line is a step, with the seconds since the
// phone was taken out before it, which the timeline has of its own.
type steps struct {
	timeline *Timeline
	payment  string
}

func (w *steps) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if _, rest, found := strings.Cut(text, " s  "); found {
		text = strings.TrimSpace(rest)
	}
	name, said, _ := strings.Cut(text, " ")
	w.timeline.Add(whoPhone, w.payment, "%s %s", name, strings.TrimSpace(said))
	return len(line), nil
}
