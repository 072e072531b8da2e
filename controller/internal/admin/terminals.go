package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// The time that an EDC customer has from the handover on, in seconds.
const (
	MinPaymentWindow     = 10
	MaxPaymentWindow     = 1800
	DefaultPaymentWindow = 180
)

// Terminal is a payment device as it is shown.
type Terminal struct {
	MerchantID string `json:"merchantId"`
	StoreID    string `json:"storeId"`
	TerminalID string `json:"terminalId"`
	Label      string `json:"label"`
	Active     bool   `json:"active"`
	// Integrated: it takes requests from a POS; else it is standalone.
	Integrated           bool  `json:"integrated"`
	PaymentWindowSeconds int64 `json:"paymentWindowSeconds"`
	// Busy is what a new sale does to a terminal that has one: "" as its product
	// does, "replace" or "queue".
	Busy string `json:"busy"`
	// Language is that of its words: "en", "hi", or "" to leave it to the terminal.
	Language string `json:"language"`
	// Presence is shown of one terminal, and in no list.
	Presence *Presence `json:"presence,omitempty"`
}

// Presence is what a terminal has told of itself.
type Presence struct {
	// Enrolled: it has keys and may log in.
	Enrolled bool `json:"enrolled"`
	// Present: it is connected, as far as is known.
	Present  bool       `json:"present"`
	LastSeen *time.Time `json:"lastSeen,omitempty"`
	Mode     string     `json:"mode,omitempty"`
	// PaymentID is the sale that it has; Waiting how many stand behind that.
	PaymentID string `json:"paymentId,omitempty"`
	Waiting   int    `json:"waiting"`
	// UpToDate: it has stored all that it was told.
	UpToDate bool `json:"upToDate"`
	// SharedAt is when two devices were last seen that have its identity. Revoke it,
	// and enrol the right one again.
	SharedAt *time.Time `json:"sharedAt,omitempty"`
}

// NewTerminal is a terminal to be made.
type NewTerminal struct {
	MerchantID string `json:"merchantId"`
	StoreID    string `json:"storeId"`
	TerminalID string `json:"terminalId"`
	Label      string `json:"label"`
	// Standalone: it takes no requests from a POS.
	Standalone bool `json:"standalone"`
	// PaymentWindowSeconds is 10 to 1800; 0 is the default of 180.
	PaymentWindowSeconds int64  `json:"paymentWindowSeconds"`
	Busy                 string `json:"busy"`
	Language             string `json:"language"`
}

// TerminalUpdate changes what it names; nil leaves a field as it is.
type TerminalUpdate struct {
	Label                *string `json:"label"`
	Integrated           *bool   `json:"integrated"`
	PaymentWindowSeconds *int64  `json:"paymentWindowSeconds"`
	Busy                 *string `json:"busy"`
	Language             *string `json:"language"`
	active               *bool
}

func viewTerminal(t merchant.Terminal) Terminal {
	window := t.PaymentWindowSeconds
	if window == 0 {
		window = DefaultPaymentWindow
	}
	return Terminal{
		MerchantID: t.MerchantID, StoreID: t.StoreID, TerminalID: t.TerminalID, Label: t.Label, Active: t.Active,
		Integrated: t.Integrated, PaymentWindowSeconds: window, Busy: t.Busy, Language: t.Language,
	}
}

func checkTerminal(t merchant.Terminal) error {
	var c checks
	c.id("merchantId", t.MerchantID)
	c.id("storeId", t.StoreID)
	c.id("terminalId", t.TerminalID)
	c.that(printable(t.Label, maxName), "label", fmt.Sprintf("must be at most %d printable characters, without space at either end", maxName))
	w := t.PaymentWindowSeconds
	c.that(w == 0 || w >= MinPaymentWindow && w <= MaxPaymentWindow, "paymentWindowSeconds", "must be 10 to 1800 seconds, or 0 for the default of 180")
	c.that(slices.Contains([]string{"", "replace", "queue"}, t.Busy), "busy", `must be "replace", "queue", or "" to go by the product`)
	c.that(slices.Contains([]string{"", "en", "hi"}, t.Language), "language", `must be "en", "hi", or "" to leave it to the terminal`)
	return c.err
}

// CreateTerminal makes a terminal, active and not enrolled.
func (s *Service) CreateTerminal(ctx context.Context, by By, in NewTerminal) (Terminal, error) {
	row := merchant.Terminal{
		Identity: protocol.Identity{MerchantID: in.MerchantID, StoreID: in.StoreID, TerminalID: in.TerminalID},
		Label:    in.Label, Active: true, Integrated: !in.Standalone, PaymentWindowSeconds: in.PaymentWindowSeconds, Busy: in.Busy,
		Language: in.Language,
	}
	if err := checkTerminal(row); err != nil {
		return Terminal{}, err
	}
	store := record.StoreKey{MerchantID: row.MerchantID, ID: row.StoreID}
	needs := record.Needs{Stores: []record.StoreKey{store}, Terminals: []protocol.Identity{row.Identity}}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		if _, ok := snap.Stores[store]; !ok {
			return record.Changes{}, Invalid("storeId", "names no store of the merchant")
		}
		if _, taken := snap.Terminals[row.Identity]; taken {
			return record.Changes{}, Exists("terminal " + terminalPath(row.Identity))
		}
		return record.Changes{
			NewTerminals: []merchant.Terminal{row},
			Audit:        []record.Entry{by.did(snap, "terminal.create", terminalPath(row.Identity), nil, viewTerminal(row))},
		}, nil
	})
	return viewTerminal(row), err
}

// UpdateTerminal changes a terminal.
func (s *Service) UpdateTerminal(ctx context.Context, by By, id protocol.Identity, u TerminalUpdate) (Terminal, error) {
	return s.updateTerminal(ctx, by, "terminal.update", id, u)
}

// SetTerminalActive enables or disables a terminal. A disabled one is cut off and
// refused by every door; its row, and what is known of its sales, stays.
func (s *Service) SetTerminalActive(ctx context.Context, by By, id protocol.Identity, active bool) (Terminal, error) {
	return s.updateTerminal(ctx, by, "terminal."+activity(active), id, TerminalUpdate{active: &active})
}

func (s *Service) updateTerminal(ctx context.Context, by By, action string, id protocol.Identity, u TerminalUpdate) (Terminal, error) {
	if !id.Valid() {
		return Terminal{}, NotFound("such terminal")
	}
	var changed merchant.Terminal
	err := s.change(ctx, record.Needs{Terminals: []protocol.Identity{id}}, func(snap record.Snapshot) (record.Changes, error) {
		row, ok := snap.Terminals[id]
		if !ok {
			return record.Changes{}, NotFound("terminal " + terminalPath(id))
		}
		changed = row
		set(&changed.Label, u.Label)
		set(&changed.Integrated, u.Integrated)
		set(&changed.PaymentWindowSeconds, u.PaymentWindowSeconds)
		set(&changed.Busy, u.Busy)
		set(&changed.Language, u.Language)
		set(&changed.Active, u.active)
		if changed == row {
			return record.Changes{}, nil
		}
		if err := checkTerminal(changed); err != nil && u.active == nil {
			return record.Changes{}, err
		}
		return record.Changes{
			Terminals: []merchant.Terminal{changed},
			Audit:     []record.Entry{by.did(snap, action, terminalPath(id), viewTerminal(row), viewTerminal(changed))},
		}, nil
	})
	return viewTerminal(changed), err
}

// Terminal shows a terminal, with what it has told of itself.
func (s *Service) Terminal(ctx context.Context, id protocol.Identity) (Terminal, error) {
	if !id.Valid() {
		return Terminal{}, NotFound("such terminal")
	}
	snap, err := s.store.Look(ctx, record.Needs{Terminals: []protocol.Identity{id}})
	if err != nil {
		return Terminal{}, err
	}
	row, ok := snap.Terminals[id]
	if !ok {
		return Terminal{}, NotFound("terminal " + terminalPath(id))
	}
	t, err := s.store.Terminal(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return Terminal{}, NotFound("terminal " + terminalPath(id))
	}
	if err != nil {
		return Terminal{}, err
	}
	view := viewTerminal(row)
	view.Presence = &Presence{
		Enrolled: t.Enrolled(), Present: t.Enrolled() && t.Present(snap.Now), LastSeen: shown(t.LastSeen), Mode: string(t.Mode),
		PaymentID: t.Sale, Waiting: len(t.Waiting), UpToDate: !t.NeedsTelling(),
		SharedAt: shown(t.SharedAt),
	}
	return view, nil
}

// Terminals lists terminals, of one merchant or one store where these are not "".
func (s *Service) Terminals(ctx context.Context, merchantID, storeID, after string, limit int) (Page[Terminal], error) {
	in, err := within([]string{"merchantId", "storeId"}, merchantID, storeID)
	if err != nil {
		return Page[Terminal]{}, err
	}
	p, err := page(in, after, 3, limit)
	if err != nil {
		return Page[Terminal]{}, err
	}
	rows, err := s.store.TerminalPage(ctx, p)
	return pageOf(rows, limit, viewTerminal, func(t merchant.Terminal) string { return terminalPath(t.Identity) }), err
}

func terminalPath(id protocol.Identity) string { return path(id.MerchantID, id.StoreID, id.TerminalID) }
