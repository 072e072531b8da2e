package protocol

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// EnrolPath is the sandbox's enrolment: POST an EnrolRequest, get an
// EnrolAnswer (phonepe-api: The sandbox).
const EnrolPath = "/device/v1/sandbox-enrol"

// EnrolCodePath is the enrolment by a code that an operator made: POST an
// EnrolCodeRequest, get an EnrolAnswer.
const EnrolCodePath = "/device/v1/enrol"

// EnrolRequest asks for a terminal's credentials. PublicKey is the device's
// Ed25519 key, 32 bytes; its private half never leaves the device.
type EnrolRequest struct {
	MerchantID string `json:"merchantId"`
	StoreID    string `json:"storeId"`
	TerminalID string `json:"terminalId"`
	PublicKey  []byte `json:"publicKey"`
}

// EnrolCodeRequest asks for the credentials of the terminal that a code was
// made for. NewEnrolCodeRequest makes one, Open checks it.
type EnrolCodeRequest struct {
	Code EnrolCode `json:"code"`
	// PublicKey is the device's new Ed25519 key, 32 bytes.
	PublicKey []byte `json:"publicKey"`
	// Proof is an EnrolProof signed by that key, a compact JWS: nobody enrols a
	// key that is not theirs.
	Proof string `json:"proof"`
}

// PurposeEnrol is the proof of a device that enrols, by its new key. The value
// is on the wire: never change it.
const PurposeEnrol Purpose = "galla-enrol"

// enrolProofVersion counts the changes of EnrolProof alone: a device of any
// version of the terminal messages can enrol, and be updated afterwards.
const enrolProofVersion = 1

// EnrolProof says for which code a device's key is to be enrolled.
type EnrolProof struct {
	V    int       `json:"v"`
	Code EnrolCode `json:"code"`
}

// NewEnrolCodeRequest makes the request of a device that has made key and was
// told code.
func NewEnrolCodeRequest(code EnrolCode, key SigningKey) (EnrolCodeRequest, error) {
	proof, err := key.Sign(PurposeEnrol, EnrolProof{V: enrolProofVersion, Code: code})
	if err != nil {
		return EnrolCodeRequest{}, err
	}
	return EnrolCodeRequest{Code: code, PublicKey: key.Private.Public().(ed25519.PublicKey), Proof: string(proof)}, nil
}

// Open checks what can be checked without the controller's memory, and returns
// the code in its one spelling. It returns ErrEnrolCode where the code is none,
// else an error of opening messages.
func (r EnrolCodeRequest) Open() (EnrolCode, error) {
	code, err := ParseEnrolCode(string(r.Code))
	if err != nil {
		return "", err
	}
	if len(r.PublicKey) != ed25519.PublicKeySize {
		return "", fmt.Errorf("%w: publicKey is not 32 bytes", ErrForm)
	}
	key := ed25519.PublicKey(r.PublicKey)
	payload, err := PublicKeys{KeyID(key): key}.Open([]byte(r.Proof), PurposeEnrol)
	if err != nil {
		return "", err
	}
	var proof EnrolProof
	if err := json.Unmarshal(payload, &proof); err != nil {
		return "", fmt.Errorf("%w: %v", ErrForm, err)
	}
	if proof.V != enrolProofVersion {
		return "", fmt.Errorf("%w: proof %d, we know %d", ErrVersion, proof.V, enrolProofVersion)
	}
	if signed, err := ParseEnrolCode(string(proof.Code)); err != nil || signed != code {
		return "", fmt.Errorf("%w: the proof is for another code", ErrSignature)
	}
	return code, nil
}

// EnrolAnswer is all that a terminal needs to work.
type EnrolAnswer struct {
	Identity Identity `json:"identity"`
	// Token is the MQTT password: 256 random bits, base64url.
	Token string `json:"token"`
	// Brokers are the nodes of one cluster: mqtt://host:port or mqtts://host:port.
	// Each terminal tries them in an order of its own.
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
