package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"

	"github.com/galla-pay/galla/protocol"
)

// keys are the controller's own signing keys. They are made at first start and
// live, sealed, in the database, so that they survive a restart and every
// controller on it has the same.
type keys struct {
	root   protocol.SigningKey // signs key sets; terminals pin it
	online protocol.SigningKey // signs states and callbacks
	link   *ecdsa.PrivateKey   // signs the QRs' links
	keySet []byte              // the set that online stands in, signed by root
}

// secrets is where they are kept. The first writer wins.
type secrets interface {
	PutSecret(ctx context.Context, name string, value []byte) (stored []byte, err error)
}

func loadKeys(ctx context.Context, s secrets) (keys, error) {
	var k keys
	root, err := ed25519Key(ctx, s, "root-key")
	if err != nil {
		return k, err
	}
	online, err := ed25519Key(ctx, s, "online-key-1")
	if err != nil {
		return k, err
	}
	if k.link, err = p256Key(ctx, s, "link-key"); err != nil {
		return k, err
	}
	k.root, k.online = protocol.NewSigningKey(root), protocol.NewSigningKey(online)
	k.keySet, err = protocol.SignKeySet(k.root, 1, online.Public().(ed25519.PublicKey))
	return k, err
}

func ed25519Key(ctx context.Context, s secrets, name string) (ed25519.PrivateKey, error) {
	_, fresh, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	seed, err := s.PutSecret(ctx, name, fresh.Seed())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s: %d bytes, not a seed", name, len(seed))
	}
	return ed25519.NewKeyFromSeed(seed), nil
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
