package main

import (
	"context"
	"errors"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/signing"
)

// onlineKeys gives the administration the ring of online keys in its own words.
// It writes down who did what itself, before.
type onlineKeys struct{ ring *signing.Ring }

var _ admin.SigningKeys = onlineKeys{}

func (o onlineKeys) List(ctx context.Context) ([]admin.SigningKey, error) {
	all, err := o.ring.List(ctx)
	return onlineKeyViews(all), err
}

func (o onlineKeys) Create(ctx context.Context, _ string) (admin.SigningKey, error) {
	return onlineKeyDone(o.ring.Create(ctx))
}

func (o onlineKeys) Rotate(ctx context.Context, _ string, force bool) (admin.SigningKey, error) {
	return onlineKeyDone(o.ring.Rotate(ctx, force))
}

func (o onlineKeys) Retire(ctx context.Context, id, _ string, force bool) (admin.SigningKey, error) {
	return onlineKeyDone(o.ring.Retire(ctx, id, force))
}

// onlineKeyDone says what came of a change: a refusal is told to the caller.
func onlineKeyDone(i signing.Info, err error) (admin.SigningKey, error) {
	switch {
	case errors.Is(err, signing.ErrNoKey):
		err = admin.NotFound("such signing key")
	case signing.Refused(err):
		err = admin.Conflict(err.Error())
	}
	return onlineKeyView(i), err
}

func onlineKeyView(i signing.Info) admin.SigningKey {
	return admin.SigningKey{
		ID: i.ID, State: string(i.State), PublicKey: i.PublicKey,
		CreatedAt: i.CreatedAt, ActivatedAt: i.ActivatedAt, RetiredAt: i.RetiredAt,
	}
}

func onlineKeyViews(all []signing.Info) []admin.SigningKey {
	views := make([]admin.SigningKey, len(all))
	for n, i := range all {
		views[n] = onlineKeyView(i)
	}
	return views
}
