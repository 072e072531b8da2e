package protocol

import (
	"crypto/ed25519"
	"errors"
)

// EnrolPath is the sandbox's enrolment: POST an EnrolRequest, get an
// EnrolAnswer (phonepe-api: The sandbox).
const EnrolPath = "/device/v1/sandbox-enrol"

// EnrolRequest asks for a terminal's credentials. PublicKey is the device's
// Ed25519 key, 32 bytes; its private half never leaves the device.
type EnrolRequest struct {
	MerchantID string `json:"merchantId"`
	StoreID    string `json:"storeId"`
	TerminalID string `json:"terminalId"`
	PublicKey  []byte `json:"publicKey"`
}

// EnrolAnswer is all that a terminal needs to work.
type EnrolAnswer struct {
	Identity Identity `json:"identity"`
	// Token is the MQTT password: 256 random bits, base64url.
	Token string `json:"token"`
	// Brokers are tried in turn: mqtt://host:port or mqtts://host:port.
	Brokers []string `json:"brokers"`
	// RootKey is pinned: 32 bytes of Ed25519.
	RootKey []byte `json:"rootKey"`
	// KeySet is the signed set of online keys, a compact JWS.
	KeySet string `json:"keySet"`
}

// EnrolError is the answer of a refused enrolment.
type EnrolError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Root returns the pinned root key, or an error when it is not 32 bytes.
func (a EnrolAnswer) Root() (ed25519.PublicKey, error) {
	if len(a.RootKey) != ed25519.PublicKeySize {
		return nil, errors.New("enrolment answer: rootKey is not 32 bytes")
	}
	return ed25519.PublicKey(a.RootKey), nil
}
