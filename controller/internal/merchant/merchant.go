// Package merchant is who may ask for money and by which key: merchants, their
// stores and payees, POS providers, salt keys, UPI organisations. It is pure; a
// Directory is a read-only picture of all of it, taken by the storages.
package merchant

import (
	"log/slog"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Merchant is an account holder.
type Merchant struct {
	ID     string
	Name   string
	MCC    string
	Active bool
	// DQR and EDC say which solutions are enabled.
	DQR, EDC bool
	// Payee is the VPA that the merchant's own QRs name.
	Payee protocol.VPA
	// CallbackURL is the registered one; an init's X-CALLBACK-URL wins over it.
	CallbackURL string
	// CallbackHosts are the hosts that X-CALLBACK-URL may name outside the
	// sandbox.
	CallbackHosts []string
}

// Store is a shop of a merchant.
type Store struct {
	MerchantID, ID string
	Name           string
	Active         bool
}

// Payee is a VPA that customers pay to.
type Payee struct {
	VPA            protocol.VPA
	MerchantID     string
	Active         bool
	FeeBasisPoints int64
	// AcquirerCode, when not empty, is how the acquirer always answers a
	// payment to this payee: YH, IP05, IP08, IP10 (upi-switch: Sandbox data).
	AcquirerCode string
}

// Provider is a POS vendor that signs for the merchants mapped to it.
type Provider struct {
	ID        string
	Merchants map[string]bool
}

// Organisation is a member of the UPI network that sends us messages.
type Organisation struct {
	ID           string
	DefaultPayee protocol.VPA
	// Unsigned: its messages may come without a signature (sandbox only).
	Unsigned bool
	// Certificates are PEM; any of them may have signed.
	Certificates []string
}

// Secret is a salt key. It never reaches a log.
type Secret string

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("***") }

// String hides the secret.
func (Secret) String() string { return "***" }

// GoString hides the secret.
func (Secret) GoString() string { return "***" }

// SaltKey is a key that signs requests for its owner, a merchant or a provider.
// Several may be live at once (phonepe-api: Wire rules).
type SaltKey struct {
	Owner  string
	Index  string
	Secret Secret
	// NotBefore and NotAfter bound its use; a zero time does not.
	NotBefore, NotAfter time.Time
}

// Live reports whether the key may sign at now.
func (k SaltKey) Live(now time.Time) bool {
	return !now.Before(k.NotBefore) && (k.NotAfter.IsZero() || now.Before(k.NotAfter))
}
