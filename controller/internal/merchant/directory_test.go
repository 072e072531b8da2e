package merchant

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// TestSandbox: what the sample programs name is there (phonepe-api: The
// sandbox), and the second merchant's provider is not the first's.
func TestSandbox(t *testing.T) {
	dir := New(Sandbox())
	for _, id := range []string{
		"MERCHANTUAT.teststore1.testterminal1",
		"MERCHANTUAT.MS2603301457425143586306.MST2603301758302811969831",
		"MERCHANTUAT.MS2403212004046998204201.MST2405301213090857163565",
		"COGWAVEOFFLINE.MS2603301457425143586306.MST2603301758302811969831",
		"MERCHANTTWO.secondstore.secondterminal",
	} {
		identity, err := protocol.ParseIdentity(id)
		if err != nil {
			t.Fatal(err)
		}
		if terminal, ok := dir.Terminal(identity); !ok || !terminal.Active || !terminal.Integrated {
			t.Errorf("no terminal %s", id)
		}
		if _, ok := dir.Store(identity.MerchantID, identity.StoreID); !ok {
			t.Errorf("no store of %s", id)
		}
	}
	for owner, secret := range map[string]Secret{"MERCHANTUAT": "sandbox-merchant-key", "MERCHANTPROVIDER": "sandbox-provider-key"} {
		if key, ok := dir.SaltKey(owner, "1"); !ok || key.Secret != secret {
			t.Errorf("salt key of %s: %v", owner, ok)
		}
	}
	first, _ := dir.Provider("MERCHANTPROVIDER")
	second, _ := dir.Provider("SECONDPROVIDER")
	if !first.Merchants["MERCHANTUAT"] || first.Merchants["MERCHANTTWO"] || second.Merchants["MERCHANTUAT"] {
		t.Error("a provider signs for the wrong merchants")
	}
	if p, ok := dir.Payee("Merchant@UPI"); !ok || p.MerchantID != "MERCHANTUAT" || p.FeeBasisPoints != 50 {
		t.Errorf("payee: %+v %v", p, ok)
	}
}

// TestSaltKeyLives: notBefore is in, notAfter is out; no bound is no bound.
func TestSaltKeyLives(t *testing.T) {
	from, to := time.UnixMilli(1000), time.UnixMilli(2000)
	key := SaltKey{NotBefore: from, NotAfter: to}
	for at, want := range map[time.Time]bool{
		from.Add(-1): false, from: true, to.Add(-1): true, to: false,
	} {
		if key.Live(at) != want {
			t.Errorf("live at %v: %v", at, !want)
		}
	}
	if !(SaltKey{}).Live(from) {
		t.Error("a key without bounds must be live")
	}
}

// TestCallbackURL: in the sandbox any http or https URL, elsewhere https to a
// registered host (phonepe-api: Callback).
func TestCallbackURL(t *testing.T) {
	m := Merchant{CallbackHosts: []string{"pos.example"}}
	for _, tt := range []struct {
		url           string
		sandbox, live bool
	}{
		{"https://pos.example/done", true, true}, {"https://POS.example:443/done?x=1", true, true},
		{"http://pos.example/done", true, false}, {"https://pos.example:8443/", true, false},
		{"https://evil.example/", true, false}, {"https://pos.example.evil.example/", true, false},
		{"http://www.google.dom", true, false}, {"http://127.0.0.1:9999/cb", true, false},
		{"https://user@pos.example/", false, false}, {"ftp://pos.example/", false, false}, {"pos.example", false, false},
		{"https:///nohost", false, false}, {"/relative", false, false}, {"https://pos.example/#x", false, false},
		{"https://pos.example/" + strings.Repeat("x", 2048), false, false}, {"https://%zz/", false, false},
		{"https://pos.example/a b", false, false}, {"https://pos.example/?a b", false, false}, {"https://pos.example/\r\nX: y", false, false},
	} {
		if got := m.CheckCallbackURL(tt.url, true) == nil; got != tt.sandbox {
			t.Errorf("%.60s in the sandbox: %v", tt.url, got)
		}
		if got := m.CheckCallbackURL(tt.url, false) == nil; got != tt.live {
			t.Errorf("%.60s outside the sandbox: %v", tt.url, got)
		}
	}
}

// TestSecretNeverPrints: a salt key reaches no log and no message.
func TestSecretNeverPrints(t *testing.T) {
	key := SaltKey{Owner: "M", Index: "1", Secret: "canary"}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "key", key.Secret, "whole", key)
	text := b.String() + fmt.Sprintf("%v %+v %#v %s %q", key, key, key, key.Secret, key.Secret)
	if strings.Contains(text, "canary") {
		t.Errorf("printed: %s", text)
	}
}
