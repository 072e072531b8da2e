package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/signing"
)

// keys are the controller's own signing keys. They are made at first start and
// live, sealed, in the database, so that they survive a restart and every
// controller on it has the same.
type keys struct {
	ring *signing.Ring     // signs states, callbacks and key sets; rotates
	link *ecdsa.PrivateKey // signs the QRs' links
}

// secrets is where they are kept.
type secrets interface{ signing.Storage }

func loadKeys(ctx context.Context, s secrets) (k keys, err error) {
	if k.ring, err = signing.Open(ctx, s, signing.Config{}); err != nil {
		return k, err
	}
	k.link, err = p256Key(ctx, s, "link-key")
	return k, err
}

// signCallback signs a callback with the key that is active now.
func (k keys) signCallback(content []byte) (string, error) {
	sign, err := callback.NewSigner(k.ring.Signer())
	if err != nil {
		return "", err
	}
	return sign(content)
}

func p256Key(ctx context.Context, s secrets, name string) (*ecdsa.PrivateKey, error) {
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(fresh)
	if err != nil {
		return nil, err
	}
	stored, err := s.PutSecret(ctx, name, der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	key, err := x509.ParseECPrivateKey(stored)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}
