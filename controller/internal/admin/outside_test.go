package admin_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// outside is everything behind the door that is not the Service's: callbacks,
// codes, signing keys and payments, in memory.
type outside struct {
	mu        sync.Mutex
	callbacks []journal.CallbackRow
	codes     map[protocol.Identity]string
	keys      []admin.SigningKey
	payments  []admin.Payment
	did       []string // what was done, by whom
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newOutside() *outside {
	o := &outside{codes: map[protocol.Identity]string{}}
	for i := range 5 {
		o.callbacks = append(o.callbacks, journal.CallbackRow{
			EventID: fmt.Sprint("event", i), PaymentID: fmt.Sprint("pay", i), MerchantID: "SHOP1", Method: "POST", State: journal.CallbackDead,
			URL: "https://pos.example/done?key=" + canary, Attempts: 3, CreatedAt: noon.Add(time.Duration(i) * time.Minute), DueAt: noon,
		})
	}
	o.callbacks[3].State = journal.CallbackDelivered
	o.callbacks[4].State = journal.CallbackNone
	for i, state := range []string{"succeeded", "parked", "parked"} {
		o.payments = append(o.payments, admin.Payment{
			ID: fmt.Sprint("pay", i), MerchantID: "SHOP1", State: state, AmountPaise: 100, CreatedAt: noon, ExpiresAt: noon,
			Events: []admin.PaymentEvent{{Seq: 1, At: noon, Event: "Init", To: "created"}},
		})
	}
	o.keys = []admin.SigningKey{{ID: "online-1", State: "active", PublicKey: "AAAA", CreatedAt: noon, ActivatedAt: noon}}
	return o
}

// canary stands for every secret that is not ours to draw.
const canary = "canary-0123456789"

func (o *outside) Callbacks(_ context.Context, q journal.CallbackQuery) ([]journal.CallbackRow, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q, after, err := q.Checked()
	if err != nil {
		return nil, err
	}
	var rows []journal.CallbackRow
	for _, r := range o.callbacks {
		place := journal.CallbackCursor{At: r.CreatedAt, EventID: r.EventID}
		switch {
		case q.EventID != "" && q.EventID != r.EventID, q.MerchantID != "" && q.MerchantID != r.MerchantID,
			q.PaymentID != "" && q.PaymentID != r.PaymentID, q.State != "" && q.State != r.State,
			!q.Since.IsZero() && r.CreatedAt.Before(q.Since), !q.Until.IsZero() && !r.CreatedAt.Before(q.Until),
			q.After != "" && (place.At.Before(after.At) || place.At.Equal(after.At) && place.EventID <= after.EventID),
			len(q.EventIDs) > 0 && !slices.Contains(q.EventIDs, r.EventID), len(rows) == q.Limit:
		default:
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func (o *outside) CallbackAttempts(_ context.Context, eventID string) ([]journal.CallbackAttempt, error) {
	return []journal.CallbackAttempt{{Attempt: 1, StartedAt: noon, FinishedAt: noon.Add(time.Second), Result: "refused", HTTPStatus: 500, Took: time.Second}}, nil
}

func (o *outside) ResendCallbacks(ctx context.Context, q journal.CallbackQuery) (int, error) {
	rows, err := o.Callbacks(ctx, q)
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, r := range rows {
		for i := range o.callbacks {
			if o.callbacks[i].EventID == r.EventID && r.State != journal.CallbackNone {
				o.callbacks[i].State = journal.CallbackPending
				n++
			}
		}
	}
	return n, err
}

func (o *outside) NewCode(_ context.Context, id protocol.Identity, actor string) (string, time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.codes[id] = "CODE-" + id.TerminalID
	o.did = append(o.did, "code "+id.String()+" by "+actor)
	return o.codes[id], noon, nil
}

func (o *outside) Unenrol(_ context.Context, id protocol.Identity, actor string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.codes, id)
	o.did = append(o.did, "unenrol "+id.String()+" by "+actor)
	return nil
}

// signingKeys are the keys of an outside.
type signingKeys struct{ *outside }

func (o signingKeys) List(context.Context) ([]admin.SigningKey, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.keys), nil
}

func (o signingKeys) Create(_ context.Context, actor string) (admin.SigningKey, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last := o.keys[len(o.keys)-1]; last.State == "next" {
		return admin.SigningKey{}, admin.Conflict("There is a next key already.")
	}
	k := admin.SigningKey{ID: fmt.Sprint("online-", len(o.keys)+1), State: "next", PublicKey: "BBBB", CreatedAt: noon}
	o.keys = append(o.keys, k)
	o.did = append(o.did, "create key by "+actor)
	return k, nil
}

func (o signingKeys) Rotate(_ context.Context, actor string, force bool) (admin.SigningKey, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := &o.keys[len(o.keys)-1]
	if last.State != "next" {
		return admin.SigningKey{}, admin.Conflict("There is no next key.")
	}
	o.keys[len(o.keys)-2].State, last.State, last.ActivatedAt = "retiring", "active", noon
	o.did = append(o.did, fmt.Sprint("rotate by ", actor, " ", force))
	return *last, nil
}

func (o signingKeys) Retire(_ context.Context, id, actor string, force bool) (admin.SigningKey, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.keys {
		if k := &o.keys[i]; k.ID == id {
			if k.State == "active" {
				return admin.SigningKey{}, admin.Conflict("It is active.")
			}
			k.State, k.RetiredAt = "retired", noon
			o.did = append(o.did, fmt.Sprint("retire ", id, " by ", actor, " ", force))
			return *k, nil
		}
	}
	return admin.SigningKey{}, admin.NotFound("signing key " + id)
}

// payments are the payments of an outside.
type payments struct{ *outside }

func (o payments) Show(_ context.Context, id string) (admin.Payment, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.payments {
		if p.ID == id {
			return p, nil
		}
	}
	return admin.Payment{}, fmt.Errorf("payment: %w", journal.ErrNotFound)
}

func (o payments) List(_ context.Context, q admin.PaymentQuery) ([]admin.Payment, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []admin.Payment
	for _, p := range o.payments {
		if (q.State == "" || q.State == p.State) && (q.MerchantID == "" || q.MerchantID == p.MerchantID) && p.ID > q.After && len(all) < q.Limit {
			p.Events = nil
			all = append(all, p)
		}
	}
	return all, nil
}

func (o payments) Resolve(_ context.Context, id string, e admin.Evidence, actor string) (admin.Payment, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.payments {
		if p := &o.payments[i]; p.ID == id {
			if p.State != "parked" {
				return admin.Payment{}, admin.Conflict("The payment is not parked.")
			}
			p.State = map[bool]string{true: "succeeded", false: "failed"}[e.Paid]
			o.did = append(o.did, "resolve "+id+" by "+actor)
			return *p, nil
		}
	}
	return admin.Payment{}, admin.NotFound("payment " + id)
}
