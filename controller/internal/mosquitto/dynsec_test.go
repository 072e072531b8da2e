package mosquitto_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/mosquitto"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

func TestNewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := open(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, nobody.Close())
	for _, row := range []struct {
		name  string
		spoil func(*mosquitto.Options)
		want  string
	}{
		{"no URL", func(o *mosquitto.Options) { o.URL = "" }, "mqtt://host:port"},
		{"other scheme", func(o *mosquitto.Options) { o.URL = "http://h:1" }, "not http://"},
		{"password in the URL", func(o *mosquitto.Options) { o.URL = "mqtt://u:canary@h:1" }, "mqtt://host:port"},
		{"a path", func(o *mosquitto.Options) { o.URL = "mqtt://h:1/x" }, "mqtt://host:port"},
		{"no name", func(o *mosquitto.Options) { o.Username = "" }, "username"},
		{"no password", func(o *mosquitto.Options) { o.Password = "" }, "password"},
		{"no log", func(o *mosquitto.Options) { o.Log = nil }, "Log"},
		{"negative timeout", func(o *mosquitto.Options) { o.Timeout = -1 }, "timeout"},
		{"wrong password", func(o *mosquitto.Options) { o.Password = "canary" }, "connect"},
		{"nobody there", func(o *mosquitto.Options) { o.URL = "mqtt://" + nobody.Addr().String() }, "connect"},
		{"a terminal's account", func(o *mosquitto.Options) {
			o.Username, o.Password = gina.String(), ginasToken
		}, "connect"}, // bound to another client id
		{"an account without the right", func(o *mosquitto.Options) {
			o.Username, o.Password, o.Timeout = controllerName, controllerPassword, 300*time.Millisecond
		}, "getDefaultACLAccess"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := options(s.Mosquitto)
			row.spoil(&o)
			d, err := mosquitto.New(t.Context(), o)
			if err == nil {
				d.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %q, want one that has %q and no secret", err, row.want)
			}
		})
	}
}

func TestNewIsBounded(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	must(t, err)
	defer l.Close()
	o := mosquitto.Options{
		URL: "mqtt://" + l.Addr().String(), Username: "u", Password: "p", Timeout: 100 * time.Millisecond,
		Log: quiet(),
	}
	if _, err := mosquitto.New(t.Context(), o); err == nil {
		t.Error("connected to nobody")
	}
}

func TestErrorsNameTheCommand(t *testing.T) {
	t.Parallel()
	d := administer(t, start(t))
	must(t, d.Run(t.Context(), "createRole", "r"))
	err := d.Run(t.Context(), "createRole", "r")
	var refused *mosquitto.CommandError
	if !errors.As(err, &refused) || refused.Command != "createRole" || refused.Message != "Role already exists" {
		t.Errorf("error %v, want createRole: Role already exists", err)
	}
	if err := d.Run(t.Context(), "noSuchCommand", ""); !names(err, "noSuchCommand") {
		t.Errorf("error %v, want one that names the command", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Revoke(ctx, gina); !errors.Is(err, context.Canceled) || !names(err, "deleteClient") {
		t.Errorf("error %v, want Canceled of deleteClient", err)
	}
	// What is no answer, and an answer that nobody waits for, change nothing.
	for _, junk := range []string{"", "x", "{}", `{"responses":[]}`, `{"responses":[{"command":"x"}]}`, `{"responses":[{"correlationData":"9"}]}`} {
		d.Answered(junk)
	}
	must(t, d.Run(t.Context(), "getRole", "r"))
	d.Close()
	d.Close()
	if err := d.Revoke(t.Context(), gina); !errors.Is(err, mosquitto.ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	broker := start(t)
	admins := []*mosquitto.DynSec{administer(t, broker), administer(t, broker)} // two controllers
	must(t, admins[0].EnsureDefaults(t.Context()))
	var all sync.WaitGroup
	for n := range 24 {
		d := admins[n%2]
		id := protocol.Identity{MerchantID: "M1", StoreID: "shop", TerminalID: fmt.Sprint(n / 4)}
		all.Go(func() {
			if err := d.Provision(t.Context(), id, ginasToken); err != nil {
				t.Errorf("Provision %s: %v", id, err)
			}
		})
		all.Go(func() {
			if err := d.Revoke(t.Context(), anna); err != nil {
				t.Errorf("Revoke: %v", err)
			}
		})
		all.Go(func() {
			if err := d.EnsureController(t.Context(), controllerName, controllerPassword); err != nil {
				t.Errorf("EnsureController: %v", err)
			}
		})
	}
	all.Wait()
	for n := range 6 {
		join(t, broker, terminal(protocol.Identity{MerchantID: "M1", StoreID: "shop", TerminalID: fmt.Sprint(n)}, ginasToken))
	}
	join(t, broker, controller())
}

func TestEnsureDefaultsDeniesEverybody(t *testing.T) {
	t.Parallel()
	broker := start(t)
	must(t, broker.Dynsec(t.Context(), "createClient", "plain", "-p", "plain-password"))
	d := administer(t, broker)
	plain := as{clientID: "p", username: "plain", password: "plain-password"}

	must(t, d.AllowAll(t.Context()))
	if p := join(t, broker, plain); !p.subscribe("x") {
		t.Fatal("the test is wrong: plain may not subscribe even when all is open")
	}
	for range 2 {
		must(t, d.EnsureDefaults(t.Context()))
		p := join(t, broker, plain)
		if p.subscribe("x") || p.subscribe("galla/v1/#") {
			t.Error("an account without a role may subscribe")
		}
		p.client.Disconnect(100)
	}
}

func TestEnsureControllerTwiceCutsNobody(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := join(t, s.Mosquitto, controller())
	second := controller()
	second.clientID = "another-controller"
	sharing := join(t, s.Mosquitto, second)
	if !c.subscribe(protocol.ReportFilter) || !sharing.subscribe("$share/"+mosquitto.ShareGroup+"/"+protocol.ReportFilter) {
		t.Fatal("controllers may not subscribe")
	}
	for range 3 {
		must(t, s.admin.EnsureDefaults(t.Context()))
		must(t, s.admin.EnsureController(t.Context(), controllerName, controllerPassword))
	}
	g := join(t, s.Mosquitto, terminal(gina, ginasToken))
	g.publish(protocol.ReportTopic(gina), "sync")
	c.hears(protocol.ReportTopic(gina), "sync")
	sharing.hears(protocol.ReportTopic(gina), "sync")
	for _, filter := range []string{"#", "$SYS/#", "$CONTROL/#", "other/#", "$share/other/#"} {
		if c.subscribe(filter) {
			t.Errorf("the controller may subscribe to %s", filter)
		}
	}
	if _, err := connect(t, s.Mosquitto, as{clientID: "c", username: controllerName, password: "wrong"}); !errors.Is(err, errRefused) {
		t.Errorf("wrong password: %v", err)
	}
}

func TestEnsureControllerRepairs(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, spoil := range map[string][]string{
		"another password": {"setClientPassword", controllerName, "other"},
		"switched off":     {"disableClient", controllerName},
		"without its role": {"removeClientRole", controllerName, "galla-controller"},
		"role cut down":    {"removeRoleACL", "galla-controller", "subscribePattern", "galla/v1/#"},
		"role widened":     {"addRoleACL", "galla-controller", "subscribePattern", "other/#", "allow"},
		"gone":             {"deleteClient", controllerName},
		"role gone":        {"deleteRole", "galla-controller"},
	} {
		must(t, s.Dynsec(t.Context(), spoil...))
		must(t, s.admin.EnsureController(t.Context(), controllerName, controllerPassword))
		c, err := connect(t, s.Mosquitto, controller())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !c.subscribe(protocol.ReportFilter) || c.subscribe("other/x") {
			t.Errorf("%s: not repaired", name)
		}
		c.client.Disconnect(100)
	}
}

func TestEnsureControllerOnItsOwnAccount(t *testing.T) {
	t.Parallel()
	broker := start(t)
	d := administer(t, broker)
	must(t, d.EnsureDefaults(t.Context()))
	for range 2 { // the first cuts d itself
		must(t, d.EnsureController(t.Context(), broker.AdminUsername, broker.AdminPassword))
	}
	must(t, d.Provision(t.Context(), gina, ginasToken))
	c := join(t, broker, as{clientID: "c", username: broker.AdminUsername, password: broker.AdminPassword})
	if !c.subscribe(protocol.ReportFilter) {
		t.Error("the controller may not subscribe")
	}
	for name, password := range map[string]string{"": "x", "x": "", gina.String(): "x"} {
		if err := d.EnsureController(t.Context(), name, password); err == nil {
			t.Errorf("EnsureController(%q, %q) is taken", name, password)
		}
	}
}

func TestBrokerRestartIsBorne(t *testing.T) {
	t.Parallel()
	broker := start(t)
	d := administer(t, broker)
	must(t, d.EnsureDefaults(t.Context()))
	broker.Kill()
	if err := d.Provision(ctxFor(t, 100*time.Millisecond), gina, ginasToken); !errors.Is(err, context.DeadlineExceeded) || !names(err, "createClient") {
		t.Errorf("without a broker: %v, want DeadlineExceeded that names createClient", err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Provision(t.Context(), gina, ginasToken) }()
	must(t, broker.Restart(t.Context()))
	must(t, <-done)
	join(t, broker, terminal(gina, ginasToken))
}

// TestLostAnswersAreAskedForAgain: the connection breaks before, or after, the
// broker has read the command.
func TestLostAnswersAreAskedForAgain(t *testing.T) {
	t.Parallel()
	broker := start(t)
	relay := newRelay(t, broker, nil)
	o := options(broker)
	o.URL = "mqtt://" + relay.Addr().String()
	d, err := mosquitto.New(t.Context(), o)
	must(t, err)
	defer d.Close()
	for n, deliver := range []bool{false, true} {
		relay.deliver.Store(deliver)
		relay.breakOn.Store("createClient")
		token := fmt.Sprint("token-", n, "-0123456789abcdef0123456789abcdef")
		must(t, d.Provision(t.Context(), gina, token))
		if relay.breakOn.Load() != "" {
			t.Fatal("the test is wrong: the connection was not broken")
		}
		g := join(t, broker, terminal(gina, token))
		g.client.Disconnect(100)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	broker := start(t)
	certificate, pool := certificateFor(t)
	relay := newRelay(t, broker, &tls.Config{Certificates: []tls.Certificate{certificate}})
	o := options(broker)
	o.URL = "mqtts://" + relay.Addr().String()
	if _, err := mosquitto.New(t.Context(), o); !names(err, "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	o.TLS = &tls.Config{RootCAs: pool}
	d, err := mosquitto.New(t.Context(), o)
	must(t, err)
	defer d.Close()
	must(t, d.Provision(t.Context(), gina, ginasToken))
}

// relay passes connections on to the broker, and breaks one when it sees a word.
type relay struct {
	net.Listener
	breakOn atomic.Value // string; "" when it is done
	deliver atomic.Bool  // let the broker read the word before the connection breaks
}

func newRelay(t *testing.T, broker *testservers.Mosquitto, secure *tls.Config) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	r := &relay{Listener: l}
	r.breakOn.Store("")
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", broker.Addr())
			if err != nil {
				_ = c.Close()
				continue
			}
			all.Go(func() { r.pass(c, b) })
			all.Go(func() {
				_, _ = io.Copy(c, b)
				_, _ = c.Close(), b.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return r
}

func (r *relay) pass(c, b net.Conn) {
	defer c.Close()
	defer b.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		word := r.breakOn.Load().(string)
		broken := word != "" && bytes.Contains(buf[:n], []byte(word))
		if broken {
			r.breakOn.Store("")
			_ = c.Close()
			if !r.deliver.Load() {
				return
			}
		}
		if _, err := b.Write(buf[:n]); err != nil || broken {
			return
		}
	}
}

func certificateFor(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
