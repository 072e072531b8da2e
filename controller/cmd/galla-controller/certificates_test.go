package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// member is a bank of the UPI network, by one of its keys.
type member struct {
	*bank
	signer      *upixml.Signer
	file        string // of the certificate
	fingerprint string
	shown       string // what certificates prints of it, but for its state
}

// newMember makes the certificate of a key, which counts from a first to a last
// moment.
func (b *bank) newMember(name string, key *rsa.PrivateKey, from, to time.Time) member {
	b.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(b.t, err)
	cert, err := x509.ParseCertificate(der)
	must(b.t, err)
	m := member{bank: b, file: filepath.Join(b.dir, name+".pem")}
	must(b.t, os.WriteFile(m.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	m.signer, err = upixml.NewSigner(key, cert)
	must(b.t, err)
	sum := sha256.Sum256(der)
	m.fingerprint = hex.EncodeToString(sum[:])
	m.shown = fmt.Sprintf("%s  CN=%s  %s  %s", m.fingerprint, name, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	return m
}

// asks is a ReqValQr of BANK1, signed by the key, and the code of its answer.
func (m member) asks() string {
	m.t.Helper()
	m.n++
	doc, err := m.signer.Sign(fmt.Appendf(nil, `<ReqValQr><MsgID>C%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>BANK1</OrgID><Curr>INR</Curr>`+
		`<Amount>10.00</Amount><Mcc>5411</Mcc><RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl></ReqValQr>`, m.n))
	must(m.t, err)
	return xmlField(m.post("validate", string(doc)), "Status")
}

// comesTo asks again and again until the answer is a code, and returns how long
// that took. Anything but ZF and 00 fails.
func (m member) comesTo(want string) time.Duration {
	m.t.Helper()
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < patience {
		switch got := m.asks(); got {
		case want:
			return time.Since(began)
		case "ZF", "00":
		default:
			m.t.Fatalf("answered %s", got)
		}
		<-tick.C
	}
	m.t.Fatalf("%s is still not answered %s", m.file, want)
	return 0
}

// TestCertificatesOfAnOrganisation is their whole life at a running controller:
// added, listed, rotated with two live at once, not yet valid, expired, removed;
// what the verbs say, and what is made of messages that they signed.
func TestCertificatesOfAnOrganisation(t *testing.T) {
	t.Parallel()
	r := startController(t, nil)
	b := &bank{running: r, client: r.browser(nil)}
	o := &office{t: t, dir: r.dir, database: "sqlite:" + filepath.Join(r.dir, "galla.db")}
	does := func(line string) (out string) {
		t.Helper()
		code, out, talk := o.run("organisation " + line)
		if code != 0 {
			t.Fatalf("organisation %s: %d %s", line, code, talk)
		}
		return out
	}
	// lists wants the certificates as they are printed, each with its state.
	lists := func(want ...any) {
		t.Helper()
		text := "FINGERPRINT SUBJECT NOTBEFORE NOTAFTER STATE\n"
		var states []string
		for i := 0; i < len(want); i += 2 {
			text += strings.Join(strings.Fields(want[i].(member).shown+" "+want[i+1].(string)), " ") + "\n"
			states = append(states, want[i].(member).fingerprint+" "+want[i+1].(string))
		}
		var printed strings.Builder
		for line := range strings.Lines(does("certificates BANK1")) {
			printed.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
		}
		if printed.String() != text {
			t.Errorf("they are listed as\n%swant\n%s", printed.String(), text)
		}
		var found []string
		for line := range strings.Lines(does("certificates BANK1 --json")) {
			var c admin.Certificate
			must(t, json.Unmarshal([]byte(line), &c))
			found = append(found, c.Fingerprint+" "+c.State)
		}
		if strings.Join(found, "\n") != strings.Join(states, "\n") {
			t.Errorf("with --json they are %q, want %q", found, states)
		}
	}
	var keys []*rsa.PrivateKey // before any time counts: to make one is slow
	for range 4 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		must(t, err)
		keys = append(keys, key)
	}
	now := time.Now().Truncate(time.Second)
	one, two := b.newMember("one", keys[0], now.Add(-time.Hour), now.Add(time.Hour)), b.newMember("two", keys[1], now.Add(-time.Hour), now.Add(time.Hour))
	ended := b.newMember("ended", keys[2], now.Add(-time.Hour), now.Add(-time.Minute))
	does("create BANK1 --default-payee merchant@upi --certificate " + one.file + " --certificate " + ended.file)
	lists(one, "live", ended, "ended")
	one.comesTo("00")
	for name, m := range map[string]member{"an expired one": ended, "one that is not registered": two} {
		if got := m.asks(); got != "ZF" {
			t.Errorf("%s is answered %s", name, got)
		}
	}
	if code, _, talk := o.run("organisation rotate-certificate BANK1 " + ended.file); code != exitUsage || !strings.Contains(talk, "certificate has ended already") {
		t.Errorf("an expired one is rotated in: %d %s", code, talk)
	}

	// Two are live at once, and the bank signs by either; what has ended is gone.
	does("rotate-certificate BANK1 " + two.file)
	lists(one, "live", two, "live")
	two.comesTo("00")
	if got := one.asks(); got != "00" {
		t.Errorf("the old one is answered %s during the rotation", got)
	}
	if got := ended.asks(); got != "ZF" {
		t.Errorf("an expired one is answered %s", got)
	}

	// One that is there ahead of its time, and lasts a moment.
	from := time.Now().Truncate(time.Second).Add(5 * time.Second)
	brief := b.newMember("brief", keys[3], from, from.Add(4*time.Second))
	does("add-certificate BANK1 " + brief.file)
	lists(one, "live", two, "live", brief, "pending")
	brief.comesTo("00")
	if time.Now().Before(from) {
		t.Errorf("it is taken before its time: %v", from)
	}
	lists(one, "live", two, "live", brief, "live")
	brief.comesTo("ZF")
	if time.Now().Before(from.Add(4 * time.Second)) {
		t.Errorf("it is refused within its time, which ends 4 s after %v", from)
	}
	lists(one, "live", two, "live", brief, "ended")

	// A removal counts when the merchants' data was read again.
	does("remove-certificate BANK1 " + one.fingerprint)
	if took := one.comesTo("ZF"); took > refreshEvery+patience/3 {
		t.Errorf("a removed one was taken for %v", took)
	}
	if got := two.asks(); got != "00" {
		t.Errorf("the one that stays is answered %s", got)
	}
	lists(two, "live", brief, "ended")
	if code, _, talk := o.run("organisation remove-certificate BANK1 " + one.fingerprint); code != exitNotFound {
		t.Errorf("removed again: %d %s", code, talk)
	}
	if code, _, talk := o.run("organisation certificates BANK9"); code != exitNotFound || !strings.Contains(talk, "organisation list") {
		t.Errorf("of nobody: %d %s", code, talk)
	}
	// A disabled organisation is a stranger, whoever signed.
	does("disable BANK1")
	two.comesTo("ZF")
}
