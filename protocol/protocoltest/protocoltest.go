// Package protocoltest holds one golden per terminal message: the same bytes
// for both sides to be tested against. A change of a golden is a change of the
// wire and needs a row in protocol's version history.
//
// Only tests import it.
package protocoltest

import (
	"crypto/ed25519"
	"embed"
	"fmt"

	"github.com/galla-pay/galla/protocol"
)

//go:embed testdata/*.json testdata/*.jws
var goldens embed.FS

// Identity is the terminal of every example.
var Identity = protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"}

// Key makes a signing key that is always the same for a name: "root",
// "online", "device" sign the goldens.
func Key(name string) protocol.SigningKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, "galla test key: "+name)
	return protocol.NewSigningKey(ed25519.NewKeyFromSeed(seed))
}

// Public is the public half of Key.
func Public(name string) ed25519.PublicKey {
	return Key(name).Private.Public().(ed25519.PublicKey)
}

// Example is a message with the name of its golden.
type Example struct {
	Name    string
	Message any
	Purpose protocol.Purpose
	Signer  string // name of the Key
}

// Examples are all of them, each kind of message once and states in the phases
// of a sale.
func Examples() []Example {
	head := func(t protocol.Type) protocol.Header {
		return protocol.Header{V: protocol.Version, Type: t, Identity: Identity}
	}
	display := protocol.Display{MerchantName: "Galla Test Store", Label: "Counter 1"}
	pulls := display
	pulls.Pull = true
	sale := &protocol.Sale{
		PaymentID: "GP0DA4G2Q7PTUK1B8J5SR0C6E9LM", MerchantTransactionID: "TXN0015985", OrderID: "MRCHN1RORDID10111114",
		Phase: protocol.PhaseOffered, AmountPaise: 24500, PayModes: []protocol.PayMode{protocol.PayDQR},
		QR:         "upi://pay?mode=16&pa=merchant@upi&mc=5411&tr=GP0DA4G2Q7PTUK1B8J5SR0C6E9LM&am=245.00",
		LeftMillis: 179_990, TotalMillis: 180_000,
	}
	order := &protocol.Sale{
		PaymentID: sale.PaymentID, MerchantTransactionID: "test_transaction1", OrderID: "testorder1",
		Phase: protocol.PhaseTaken, AmountPaise: 24500, ShortOrderID: "0042",
		PayModes: []protocol.PayMode{protocol.PayCard, protocol.PayDQR}, QR: sale.QR,
		LeftMillis: 179_990, TotalMillis: 180_000, Prompt: true,
	}
	const session, epoch, nonce, pull = "5E551011", "E90C4", "10ACE", "PULL0001"
	return []Example{
		{"state-sale", protocol.State{Header: head(protocol.TypeState), Seq: 7, Epoch: epoch, AckSeq: 3, Sale: sale, Display: display}, protocol.PurposeDown, "online"},
		{"state-result", protocol.State{Header: head(protocol.TypeState), Seq: 8, Epoch: epoch, AckSeq: 5, Display: display, Result: &protocol.Result{
			PaymentID: sale.PaymentID, MerchantTransactionID: sale.MerchantTransactionID, AmountPaise: sale.AmountPaise,
			Outcome: protocol.OutcomeSucceeded, Reference: "0042", AgeMillis: 12,
		}}, protocol.PurposeDown, "online"},
		{"state-sync", protocol.State{Header: head(protocol.TypeState), Seq: 8, Nonce: nonce, Epoch: epoch, AckSeq: 5, Display: display}, protocol.PurposeDown, "online"},
		{"state-pulled", protocol.State{Header: head(protocol.TypeState), Seq: 9, Epoch: epoch, AckSeq: 5, Sale: order, Waiting: 2, Display: pulls, Pull: &protocol.PullAnswer{
			PullID: pull, ShortOrderID: "0042", Outcome: protocol.PullTaken,
		}}, protocol.PurposeDown, "online"},
		{"state-pull-refused", protocol.State{Header: head(protocol.TypeState), Seq: 9, Epoch: epoch, AckSeq: 5, Display: pulls, Pull: &protocol.PullAnswer{
			PullID: pull, ShortOrderID: "0042", Outcome: protocol.PullOther, By: "testterminal2", AgeMillis: 61_000,
		}}, protocol.PurposeDown, "online"},
		{"pull", protocol.Pull{Header: head(protocol.TypePull), Session: session, PullID: pull, ShortOrderID: "0042"}, protocol.PurposeUp, "device"},
		{"report-card", protocol.Report{Header: head(protocol.TypeReport), Session: session, Epoch: epoch, AckSeq: 7, Mode: protocol.ModeChecking, PaymentID: sale.PaymentID, Facts: []protocol.Fact{
			{N: 6, Kind: protocol.FactAccepted, PaymentID: sale.PaymentID},
			{N: 7, Kind: protocol.FactPresented, PaymentID: sale.PaymentID, PayMode: protocol.PayCard},
			{N: 8, Kind: protocol.FactCardRead, PaymentID: sale.PaymentID},
			{N: 9, Kind: protocol.FactCardApproved, PaymentID: sale.PaymentID, Card: &protocol.Card{
				RRN: "632512004217", AmountPaise: sale.AmountPaise, Last4: "4242", Network: "VISA", Type: "DEBIT",
			}},
		}}, protocol.PurposeUp, "device"},
		{"sync", protocol.Report{Header: head(protocol.TypeSync), Session: session, Epoch: epoch, AckSeq: 7, Mode: protocol.ModeOffline, Nonce: nonce, Software: "1.0.0", Panel: "st7789"}, protocol.PurposeUp, "device"},
		{"report", protocol.Report{Header: head(protocol.TypeReport), Session: session, Epoch: epoch, AckSeq: 7, Mode: protocol.ModePresenting, PaymentID: sale.PaymentID, Facts: []protocol.Fact{
			{N: 4, Kind: protocol.FactReceived, PaymentID: sale.PaymentID}, {N: 5, Kind: protocol.FactPresented, PaymentID: sale.PaymentID},
		}}, protocol.PurposeUp, "device"},
		{"heartbeat", protocol.Heartbeat{Header: head(protocol.TypeHeartbeat), Session: session, AckSeq: 8, Mode: protocol.ModeIdle}, protocol.PurposeUp, "device"},
		{"presence", protocol.Presence{Header: head(protocol.TypePresence), Session: session}, protocol.PurposeUp, "device"},
	}
}

// JSON is the golden payload of an example, JWS the golden signed message.
func JSON(name string) []byte { return read(name + ".json") }

// JWS is the golden signed message of an example; "keys" is the key set that
// Key("root") signed for Key("online").
func JWS(name string) []byte { return read(name + ".jws") }

func read(file string) []byte {
	b, err := goldens.ReadFile("testdata/" + file)
	if err != nil {
		panic(fmt.Sprintf("protocoltest has no %s", file))
	}
	return b
}
