package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/internal/spool"
	"github.com/galla-pay/galla/protocol"
)

func public(k protocol.SigningKey) ed25519.PublicKey { return k.Private.Public().(ed25519.PublicKey) }

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func TestClock(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler()) // any answer has a date
	defer server.Close()
	built := time.Now().Add(-24 * time.Hour)
	for name, test := range map[string]struct {
		off        time.Duration
		controller string
		want       string
	}{
		"right":           {0, server.URL, `^good: less than a second off the controller's$`},
		"a little late":   {-20 * time.Second, server.URL, `^good: -(19|20|21) s off the controller's$`},
		"fast":            {time.Hour, server.URL, `^bad: \+3(599|600|601) s off the controller's: .* UTC, there it is .* UTC -> timedatectl set-ntp true`},
		"of 1970":         {-50 * 365 * 24 * time.Hour, server.URL, `^bad: it says 19\d\d-.* UTC, before this program was made \(20.*\) -> timedatectl`},
		"nobody to ask":   {0, "", `^good: 20.* UTC; no controller in the configuration to compare it with$`},
		"nobody answers":  {0, "http://127.0.0.1:1", `^good: 20.* UTC; not compared, the controller does not answer: `},
		"a year too fast": {365 * 24 * time.Hour, server.URL, `^bad: \+3153\d\d\d\d s off`},
	} {
		c := doctor.Clock{
			Network: doctor.Network{Dial: dial, Now: func() time.Time { return time.Now().Add(test.off) }},
			Built:   built, Controller: test.controller,
		}
		if got, _ := one(t, c.Run); !regexp.MustCompile(test.want).MatchString(got) {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// load loads the credentials in dir.
func load(dir string, id protocol.Identity) func() (*identity.Credentials, error) {
	return func() (*identity.Credentials, error) {
		s, err := identity.OpenStore(dir)
		if err != nil {
			return nil, err
		}
		return s.Load(id)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	ctrl := sessiontest.NewController()
	dir := t.TempDir()
	enrolled, err := ctrl.Enrol(dir)
	check(t, err)
	other := sessiontest.ID
	other.TerminalID = "T9"
	for name, test := range map[string]struct {
		en   doctor.Enrolled
		want string
	}{
		"enrolled":     {doctor.Enrolled{Want: sessiontest.ID, Load: load(dir, sessiontest.ID)}, "good: enrolled as MERCHANTUAT/teststore1/testterminal1, device key " + enrolled.KeyID() + ", readable by its owner alone"},
		"another":      {doctor.Enrolled{Want: other, Load: load(dir, other)}, "bad: identity: " + dir + ": credentials are for "},
		"not yet":      {doctor.Enrolled{Want: other, Load: load(t.TempDir(), other)}, "bad: MERCHANTUAT/teststore1/T9 is not enrolled -> ask the operator for a code, then: galla-agent enroll "},
		"in a sandbox": {doctor.Enrolled{Want: other, Load: load(t.TempDir(), other), ByItself: "http://sandbox"}, "absent: MERCHANTUAT/teststore1/T9 is not enrolled yet: the agent does it at http://sandbox when it starts"},
	} {
		var found *identity.Credentials
		got, _ := one(t, doctor.Identity(test.en, func(c *identity.Credentials) { found = c }))
		if !strings.HasPrefix(got, test.want) || (found != nil) != (name == "enrolled") {
			t.Errorf("%s: %s, want %s; found %v", name, got, test.want, found != nil)
		}
	}
	if got, _ := one(t, doctor.Credentials(enrolled)); !strings.HasPrefix(got, "good: token of 14 letters, online keys "+protocol.KeyID(public(ctrl.Online))) ||
		strings.Contains(got, enrolled.Token) {
		t.Error(got)
	}
}

// authority signs certificates of 127.0.0.1 that end at a time.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return authority{cert, key}
}

func (a authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// serve is a broker with a certificate that is good until then.
func (a authority) serve(t *testing.T, until time.Time) (address string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-900 * time.Hour), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	check(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = conn.(*tls.Conn).Handshake(); _ = conn.Close() }()
		}
	}()
	return l.Addr().String()
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	day := 24 * time.Hour
	well := ours.serve(t, time.Now().Add(90*day+time.Hour))
	ending := ours.serve(t, time.Now().Add(3*day+time.Hour))
	ended := ours.serve(t, time.Now().Add(-time.Hour))
	foreign := theirs.serve(t, time.Now().Add(90*day))

	ctrl := sessiontest.NewController()
	store, err := identity.OpenStore(t.TempDir())
	check(t, err)
	key, err := store.PendingKey()
	check(t, err)
	answer, err := ctrl.Answer(key.Public().(ed25519.PublicKey))
	check(t, err)
	c, err := store.Replace(key, answer, identity.Transport{CA: ours.pem()})
	check(t, err)
	for name, test := range map[string]struct {
		brokers []string
		want    string
	}{
		"well":         {[]string{"mqtts://" + well}, "good: " + well + " good for 90 days"},
		"soon":         {[]string{"mqtts://" + well, "mqtts://" + ending}, "bad: " + well + " good for 90 days, " + ending + " good for 3 days -> renew it: "},
		"ended":        {[]string{"mqtts://" + ended}, "bad: " + ended + ": tls: failed to verify certificate: x509: certificate has expired"},
		"not ours":     {[]string{"mqtts://" + foreign}, "bad: " + foreign + ": tls: failed to verify certificate: "},
		"not there":    {[]string{"mqtts://127.0.0.1:1"}, "bad: 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused -> check the network: "},
		"in the clear": {[]string{"mqtt://127.0.0.1:1"}, "absent: no TLS: everybody on the way to mqtt://127.0.0.1:1 can read the terminal's token"},
	} {
		n := doctor.Network{Dial: dial, Now: time.Now}
		if got, _ := one(t, doctor.Certificate(c, test.brokers, n)); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s\nwant %s", name, got, test.want)
		}
	}
}

// round is a question of the terminal with the credentials in dir.
func round(ctrl *sessiontest.Controller, c *identity.Credentials, dir string) func() doctor.Round {
	return func() doctor.Round {
		return doctor.Round{
			Network: doctor.Network{Dial: ctrl.Broker.Dial, Now: time.Now}, Credentials: c,
			Brokers: []string{"mqtt://broker.example"}, DataDir: dir, Software: "test", Panel: "st7789",
		}
	}
}

// TestBroker: the answer is signed; whatever is wrong is named; and nothing that
// the terminal holds is given back, taken or written.
func TestBroker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctrl := sessiontest.NewController()
	c, err := ctrl.Enrol(dir)
	check(t, err)
	held, err := spool.Open(filepath.Join(dir, "spool.db"))
	check(t, err)
	check(t, held.Save(machine.Memory{Seq: 7, Sale: machine.Order{PaymentID: "A"}}, []machine.Fact{{Kind: protocol.FactReceived, PaymentID: "A"}}))
	epoch := held.Epoch()
	check(t, held.Close())

	for name, test := range map[string]struct {
		spoil func(*sessiontest.Controller)
		want  string
	}{
		"well":         {func(*sessiontest.Controller) {}, "good: connected, signed answer after "},
		"no broker":    {func(c *sessiontest.Controller) { c.Broker.Behave(sessiontest.Behaviour{Unreachable: true}) }, "bad: no connection for 15s: connect to mqtt://broker.example: dial: connection refused -> check the network: "},
		"no login":     {func(c *sessiontest.Controller) { c.Broker.Behave(sessiontest.Behaviour{Connack: 5}) }, "bad: no connection for 15s: connect to mqtt://broker.example: connect: not Authorized -> "},
		"silence":      {func(c *sessiontest.Controller) { c.Silence(true) }, "bad: no signed answer for 15s -> the broker answers and the controller does not"},
		"a forged key": {func(c *sessiontest.Controller) { c.Online = sessiontest.Key("forged") }, "bad: no signed answer for 15s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctrl := sessiontest.NewController()
			_, err := ctrl.Answer(public(c.Key))
			check(t, err)
			test.spoil(ctrl)
			got, _ := one(t, doctor.Broker(round(ctrl, c, dir)).Run)
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %s, want %s", name, got, test.want)
			}
			if name == "well" {
				r := ctrl.Ups()[0].Report
				if r.Type != protocol.TypeSync || r.Epoch != epoch || r.AckSeq != 7 || r.Holds != "A" || r.Mode != protocol.ModeTesting ||
					fmt.Sprint(ctrl.Facts()) != "[received A]" {
					t.Errorf("it said %+v", r)
				}
			}
			ctrl.Broker.Close()
		})
	}
	again, err := spool.Open(filepath.Join(dir, "spool.db"))
	check(t, err)
	if again.Epoch() != epoch || again.Memory().Seq != 7 || len(again.Facts()) != 1 {
		t.Errorf("the spool is %s, %+v, %v now", again.Epoch(), again.Memory(), again.Facts())
	}
	check(t, again.Close())
}
