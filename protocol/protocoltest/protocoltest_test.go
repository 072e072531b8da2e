package protocoltest_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGoldens: every message is written as it was, to the byte. Ed25519 is
// deterministic, so the signed form is too.
func TestGoldens(t *testing.T) {
	for _, ex := range protocoltest.Examples() {
		payload, err := json.Marshal(ex.Message)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := protocoltest.Key(ex.Signer).Sign(ex.Purpose, ex.Message)
		if err != nil {
			t.Fatal(err)
		}
		check(t, ex.Name+".json", payload)
		check(t, ex.Name+".jws", signed)
	}
	set, err := protocol.SignKeySet(protocoltest.Key("root"), 1, protocoltest.Public("online"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, "keys.jws", set)
}

func check(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is written as\n%s\nand not as\n%s", file, got, want)
	}
}

// TestGoldensAreRead: what was written is read back by the side that gets it.
func TestGoldensAreRead(t *testing.T) {
	online := protocol.PublicKeys{protocoltest.Key("online").ID: protocoltest.Public("online")}
	device := protocol.PublicKeys{protocoltest.Key("device").ID: protocoltest.Public("device")}
	for _, ex := range protocoltest.Examples() {
		message := protocoltest.JWS(ex.Name)
		if protocol.PurposeOf(message) != ex.Purpose {
			t.Errorf("%s: typ %q", ex.Name, protocol.PurposeOf(message))
		}
		var got any
		var err error
		if ex.Purpose == protocol.PurposeDown {
			got, err = protocol.OpenState(message, online, protocoltest.Identity)
		} else {
			var up protocol.Up
			up, err = protocol.OpenUp(message, device, protocoltest.Identity)
			switch {
			case up.Report != nil:
				got = *up.Report
			case up.Heartbeat != nil:
				got = *up.Heartbeat
			case up.Presence != nil:
				got = *up.Presence
			case up.Pull != nil:
				got = *up.Pull
			}
		}
		if err != nil {
			t.Errorf("%s: %v", ex.Name, err)
			continue
		}
		again, err := json.Marshal(got)
		if err != nil || string(again) != string(protocoltest.JSON(ex.Name)) {
			t.Errorf("%s is read as %s", ex.Name, again)
		}
	}
	version, keys, err := protocol.OpenKeySet(protocoltest.JWS("keys"), protocoltest.Public("root"))
	if err != nil || version != 1 || len(keys) != 1 || !keys[protocoltest.Key("online").ID].Equal(protocoltest.Public("online")) {
		t.Errorf("key set: %d %v %v", version, keys, err)
	}
}

// TestRefusals: a message for another, of another purpose, by another key, of
// another version or with any byte changed is not believed.
func TestRefusals(t *testing.T) {
	online := protocol.PublicKeys{protocoltest.Key("online").ID: protocoltest.Public("online")}
	good := protocoltest.JWS("state-result")
	other := protocoltest.Identity
	other.TerminalID = "testterminal2"
	state := protocol.State{Header: protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: protocoltest.Identity}}
	future := state
	future.V = protocol.Version + 1
	sign := func(key string, p protocol.Purpose, m any) []byte {
		b, err := protocoltest.Key(key).Sign(p, m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// A key that calls itself by the online key's id.
	impostor := protocoltest.Key("impostor")
	impostor.ID = protocoltest.Key("online").ID
	forged, err := impostor.Sign(protocol.PurposeDown, state)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		message []byte
		id      protocol.Identity
		want    error
	}{
		{"for another terminal", good, other, protocol.ErrNotForUs},
		{"by a key that is not in the set", sign("impostor", protocol.PurposeDown, state), protocoltest.Identity, protocol.ErrUnknownKey},
		{"by a key under another's id", forged, protocoltest.Identity, protocol.ErrSignature},
		{"of another purpose", sign("online", protocol.PurposeUp, state), protocoltest.Identity, protocol.ErrForm},
		{"of another version", sign("online", protocol.PurposeDown, future), protocoltest.Identity, protocol.ErrVersion},
		{"of another type", sign("online", protocol.PurposeDown, protocol.Heartbeat{Header: protocol.Header{V: protocol.Version, Type: protocol.TypeHeartbeat, Identity: protocoltest.Identity}}), protocoltest.Identity, protocol.ErrForm},
		{"not signed", protocoltest.JSON("state-result"), protocoltest.Identity, protocol.ErrForm},
		{"empty", nil, protocoltest.Identity, protocol.ErrForm},
		{"too large", make([]byte, protocol.MaxMessage+1), protocoltest.Identity, protocol.ErrForm},
	} {
		if _, err := protocol.OpenState(tt.message, online, tt.id); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for i := range good {
		for bit := range 8 {
			bad := append([]byte(nil), good...)
			bad[i] ^= 1 << bit
			if s, err := protocol.OpenState(bad, online, protocoltest.Identity); err == nil {
				// Base64url has no two spellings of one message here.
				t.Fatalf("byte %d bit %d changed and still believed: %+v", i, bit, s)
			}
		}
	}
}

// TestPullsAreChecked: what a cashier cannot have typed is refused at the wire.
func TestPullsAreChecked(t *testing.T) {
	device := protocol.PublicKeys{protocoltest.Key("device").ID: protocoltest.Public("device")}
	for _, tt := range []struct {
		pullID, short string
		ok            bool
	}{
		{"PULL0001", "0042", true}, {"PULL0001", "12345678", true}, {"a_b-c-d1", "0000", true},
		{"PULL001", "0042", false}, {"", "0042", false}, {"PULL 001", "0042", false},
		{"PULL0001", "042", false}, {"PULL0001", "123456789", false}, {"PULL0001", "", false},
		{"PULL0001", "12a4", false}, {"PULL0001", "-123", false}, {"PULL0001", "\u0661\u0662\u0663\u0664", false},
	} {
		message, err := protocoltest.Key("device").Sign(protocol.PurposeUp, protocol.Pull{
			Header:  protocol.Header{V: protocol.Version, Type: protocol.TypePull, Identity: protocoltest.Identity},
			Session: "S", PullID: tt.pullID, ShortOrderID: tt.short,
		})
		if err != nil {
			t.Fatal(err)
		}
		up, err := protocol.OpenUp(message, device, protocoltest.Identity)
		if (err == nil) != tt.ok || tt.ok && up.Pull.ShortOrderID != tt.short {
			t.Errorf("pull %q of %q: %v", tt.pullID, tt.short, err)
		}
	}
}

// TestOnlineKeyCannotBringInAnother: only the root key signs key sets.
func TestOnlineKeyCannotBringInAnother(t *testing.T) {
	set, err := protocol.SignKeySet(protocoltest.Key("online"), 2, protocoltest.Public("impostor"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := protocol.OpenKeySet(set, protocoltest.Public("root")); err == nil {
		t.Fatal("an online key brought in another")
	}
	down, err := protocoltest.Key("root").Sign(protocol.PurposeDown, protocol.KeySet{V: 1, Type: protocol.TypeKeys, Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := protocol.OpenKeySet(down, protocoltest.Public("root")); err == nil {
		t.Fatal("a message of another purpose passed for a key set")
	}
}
