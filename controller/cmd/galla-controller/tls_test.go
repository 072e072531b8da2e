package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/tlsfile/tlsfiletest"
)

// TestServedOverTLS: HTTPS and MQTT over TLS with one certificate; nothing in
// the clear at their addresses; terminals are told the address with TLS alone.
func TestServedOverTLS(t *testing.T) {
	t.Parallel()
	r := startController(t, nil)
	res, err := r.browser(nil).Get("https://" + r.http + "/readyz")
	must(t, err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 1 || res.TLS == nil || res.TLS.PeerCertificates[0].Subject.CommonName != "first" {
		t.Errorf("/readyz: %s, %s", res.Status, res.Proto)
	}
	if res, err := http.Get("http://" + r.http + "/readyz"); err != nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("in the clear: %v, %v", res, err)
	}
	for _, address := range []string{r.http, strings.TrimPrefix(r.broker("mqtts://"), "mqtts://")} {
		old := r.clientTLS(nil)
		old.MinVersion, old.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		if _, err := tls.Dial("tcp", address, old); err == nil {
			t.Errorf("%s speaks TLS 1.1", address)
		}
	}

	answer := r.enrol(nil)
	if !slices.Equal(answer.Brokers, []string{r.broker("mqtts://")}) || answer.Brokers[0] == "" {
		t.Errorf("terminals are told %v; want the one with TLS of %v", answer.Brokers, r.brokers)
	}
	secure, err := r.login(answer.Brokers[0], answer.Token, nil)
	must(t, err)
	clear, err := r.login(r.broker("mqtt://"), answer.Token, nil)
	must(t, err)
	if secure.IsConnectionOpen() && hears(secure) == nil {
		t.Error("two sessions of one terminal: the doors do not know of each other")
	}
	must(t, hears(clear))
	if _, err := r.login(answer.Brokers[0], "wrong", nil); err == nil {
		t.Error("let in with a wrong token")
	}
}

// TestOnlyOverTLS: an empty --mqtt-listen leaves the door with TLS alone, and
// what terminals are told can be named.
func TestOnlyOverTLS(t *testing.T) {
	t.Parallel()
	r := startController(t, func(s *serveCommand) {
		s.MQTTListen, s.BrokerPublic = "", "mqtts://shop.example:8883"
	})
	if r.broker("mqtt://") != "" || len(r.brokers) != 1 {
		t.Errorf("served at %v", r.brokers)
	}
	answer := r.enrol(nil)
	if !slices.Equal(answer.Brokers, []string{"mqtts://shop.example:8883"}) {
		t.Errorf("terminals are told %v", answer.Brokers)
	}
	if _, err := r.login(r.broker("mqtts://"), answer.Token, nil); err != nil {
		t.Error(err)
	}
}

// TestNewCertificateDropsNobody: connections that are open go on; new ones see
// the new certificate, at both doors; a broken one changes nothing.
func TestNewCertificateDropsNobody(t *testing.T) {
	t.Parallel()
	r := startController(t, nil)
	answer := r.enrol(nil)
	terminal, err := r.login(answer.Brokers[0], answer.Token, nil)
	must(t, err)
	pos, err := tls.Dial("tcp", r.http, r.clientTLS(nil))
	must(t, err)
	t.Cleanup(func() { _ = pos.Close() })
	posIn := bufio.NewReader(pos)
	both := func(when string) {
		t.Helper()
		_, err := io.WriteString(pos, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		must(t, err)
		res, err := http.ReadResponse(posIn, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: the POS's connection: %v", when, err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		must(t, err)
		if err := hears(terminal); err != nil {
			t.Fatalf("%s: the terminal's connection: %v", when, err)
		}
	}
	shown := func(want string) {
		t.Helper()
		for _, address := range []string{r.http, strings.TrimPrefix(r.broker("mqtts://"), "mqtts://")} {
			c, err := tls.Dial("tcp", address, r.clientTLS(nil))
			must(t, err)
			if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
				t.Errorf("%s shows %s, want %s", address, got, want)
			}
			_ = c.Close()
		}
	}
	both("at the start")
	shown("first")

	r.authority.Issue(t, "second", time.Time{}).Write(t, r.dir)
	r.log.await(t, "new certificate files are in use", 1)
	both("after the second certificate")
	shown("second")

	tlsfiletest.Put(t, filepath.Join(r.dir, "cert.pem"), []byte("not a certificate"))
	r.log.await(t, "new certificate files are not used; the ones before stay", 1)
	both("after a broken certificate")
	shown("second")
}

// TestClientCertificateRules: who must show one, and that it says who they are.
func TestClientCertificateRules(t *testing.T) {
	t.Parallel()
	const in, out = true, false
	for _, mode := range []struct {
		name             string
		httpNone, mqNone bool // let in without a certificate
	}{
		{"", in, in}, // the default
		{"optional", in, in},
		{"mqtt", in, out},
		{"require", out, out},
	} {
		t.Run("--client-cert="+mode.name, func(t *testing.T) {
			t.Parallel()
			r := startController(t, func(s *serveCommand) {
				s.ClientCA, s.ClientCert = filepath.Join(filepath.Dir(s.TLSCert), "ca.pem"), mode.name
			})
			issue := func(a *tlsfiletest.Authority, name string) *tlsfiletest.Pair {
				p := a.Issue(t, name, time.Time{})
				return &p
			}
			own, other := issue(r.authority, testTerminal.String()), issue(r.authority, "MERCHANTUAT.teststore1.testterminal2")
			forged := issue(tlsfiletest.NewAuthority(t), testTerminal.String())
			token := r.enrol(own).Token
			for _, row := range []struct {
				name       string
				shows      *tlsfiletest.Pair
				http, mqtt bool
			}{
				{"none", nil, mode.httpNone, mode.mqNone},
				{"the terminal's own", own, in, in},
				{"another terminal's", other, in, out}, // it is good, for another
				{"a stranger's", forged, out, out},
			} {
				res, err := r.browser(row.shows).Get("https://" + r.http + "/healthz")
				if err == nil {
					_ = res.Body.Close()
				}
				if (err == nil) != row.http {
					t.Errorf("%s: HTTPS: %v", row.name, err)
				}
				client, err := r.login(r.broker("mqtts://"), token, row.shows)
				if (err == nil) != row.mqtt {
					t.Errorf("%s: MQTT: %v", row.name, err)
				}
				if err == nil {
					client.Disconnect(0)
				}
			}
			if _, err := r.login(r.broker("mqtts://"), "wrong", own); err == nil {
				t.Error("let in by a certificate without the token")
			}
			if _, err := r.login(r.broker("mqtt://"), token, nil); err != nil {
				t.Errorf("in the clear on loopback: %v", err)
			}
		})
	}
}

// TestCleartext is the whole table: where devices and administrators are served
// without TLS, and where that stops the program.
func TestCleartext(t *testing.T) {
	t.Parallel()
	const ok, warns, refuses = "ok", "warns", "refuses"
	near := []string{"127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1"}
	far := []string{":1", "0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1", "[fe80::1%lo]:1"}
	for _, row := range []struct {
		sandbox, tls, allowed bool
		near, far             string
	}{
		{false, false, false, ok, refuses},
		{false, false, true, ok, ok},
		{false, true, false, ok, ok},
		{false, true, true, ok, ok},
		{true, false, false, ok, warns},
		{true, false, true, ok, ok},
		{true, true, false, ok, ok},
		{true, true, true, ok, ok},
	} {
		for _, place := range []struct {
			addresses []string
			want      string
		}{{near, row.near}, {far, row.far}} {
			for _, address := range place.addresses {
				for flag, change := range map[string]func(*serveCommand){
					"--listen": func(s *serveCommand) {
						s.Listen = address
						if row.tls {
							s.TLSCert, s.TLSKey = "cert.pem", "key.pem"
						}
					},
					// With TLS for MQTT, cleartext is off.
					"--mqtt-listen": func(s *serveCommand) {
						s.MQTTListen = address
						if row.tls {
							s.TLSCert, s.TLSKey, s.MQTTListen, s.MQTTTLSListen = "cert.pem", "key.pem", "", address
							s.BrokerPublic = "mqtts://shop.example:8883"
						}
					},
				} {
					s := serveCommand{Listen: "127.0.0.1:1", MQTTListen: "127.0.0.1:1", Sandbox: row.sandbox}
					s.AllowCleartext = row.allowed
					change(&s)
					warnings, err := s.check()
					got := ok
					switch {
					case err != nil && len(warnings) == 0 && strings.HasPrefix(err.Error(), flag+" "+address+": ") && strings.Contains(err.Error(), "--tls-cert") == (flag == "--listen") &&
						strings.Contains(err.Error(), "--mqtt-tls-listen") == (flag == "--mqtt-listen") && strings.Contains(err.Error(), "--allow-cleartext"):
						got = refuses
					case err != nil:
						got = err.Error()
					case len(warnings) == 1 && strings.HasPrefix(warnings[0], flag+" "+address+" "):
						got = warns
					case len(warnings) > 0:
						got = strings.Join(warnings, "; ")
					}
					if got != place.want {
						t.Errorf("sandbox %t, TLS %t, --allow-cleartext %t, %s %s: %s; want %s",
							row.sandbox, row.tls, row.allowed, flag, address, got, place.want)
					}
				}
			}
		}
	}
}

// TestCleartextOfOneDoor: TLS of one door does not excuse the other.
func TestCleartextOfOneDoor(t *testing.T) {
	t.Parallel()
	tlsOn := tlsFlags{TLSCert: "cert.pem", TLSKey: "key.pem"}
	both := tlsOn
	both.MQTTTLSListen = "192.0.2.1:8883"
	elsewhere := brokerFlags{Broker: "mqtts://broker:8883"}
	for _, row := range []struct {
		name string
		s    serveCommand
		says string // "": good, without a warning
	}{
		{"HTTPS, MQTT in the clear", serveCommand{Listen: ":1", MQTTListen: ":2", tlsFlags: tlsOn}, "--mqtt-listen :2"},
		{"HTTPS, MQTT both ways", serveCommand{Listen: ":1", MQTTListen: ":2", tlsFlags: both}, "--mqtt-listen :2"},
		{"HTTPS, MQTT over TLS, and in the clear on this machine", serveCommand{Listen: ":1", MQTTListen: "127.0.0.1:2", tlsFlags: both}, ""},
		{"HTTP in the clear, MQTT elsewhere", serveCommand{Listen: ":1", MQTTListen: ":2", brokerFlags: elsewhere}, "--listen :1"},
		{"HTTPS, MQTT elsewhere", serveCommand{Listen: ":1", MQTTListen: ":2", tlsFlags: tlsOn, brokerFlags: elsewhere}, ""},
	} {
		warnings, err := row.s.check()
		if len(warnings) > 0 || (err == nil) != (row.says == "") || err != nil && !strings.HasPrefix(err.Error(), row.says+":") {
			t.Errorf("%s: %v, %v", row.name, warnings, err)
		}
	}
	// The broker of somebody else is theirs to secure; we say what it means.
	for broker, warns := range map[string]bool{
		"mqtt://broker:1883": true, "mqtt://192.0.2.1:1883": true, "mqtts://broker:8883": false,
		"mqtt://127.0.0.1:1883": false, "mqtt://localhost:1883": false, "mqtt://[::1]:1883": false,
	} {
		warnings, err := serveCommand{Listen: "127.0.0.1:1", brokerFlags: brokerFlags{Broker: broker}}.check()
		if err != nil || (len(warnings) == 1) != warns {
			t.Errorf("--broker %s: %v, %v", broker, warnings, err)
		}
	}
}

// TestWrongTLSFlags: one clear line, and nothing is left behind.
func TestWrongTLSFlags(t *testing.T) {
	dir := t.TempDir()
	cert, key := tlsfiletest.NewAuthority(t).Issue(t, "x", time.Time{}).Write(t, dir)
	config := filepath.Join(dir, "galla.toml")
	must(t, os.WriteFile(config, []byte("mqtt-listen = \"\"\n"), 0o600))
	secure := []string{"--tls-cert", cert, "--tls-key", key}
	for _, row := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"in the clear", []string{"--listen", "0.0.0.0:0"}, 1, "--listen 0.0.0.0:0: devices and administrators are not served without TLS beyond this machine: give --tls-cert and --tls-key, or a loopback address, or --allow-cleartext"},
		{"MQTT in the clear", []string{"--mqtt-listen", ":0"}, 1, `--mqtt-listen :0: devices are not served without TLS beyond this machine: give --mqtt-tls-listen with --mqtt-listen ""`},
		{"no key", []string{"--tls-cert", cert}, 1, "--tls-cert needs --tls-key"},
		{"no certificate", []string{"--tls-key", key}, 1, "--tls-key needs --tls-cert"},
		{"MQTT over TLS without a certificate", []string{"--mqtt-tls-listen", "127.0.0.1:0"}, 1, "--mqtt-tls-listen needs --tls-cert"},
		{"MQTT over TLS elsewhere", append([]string{"--mqtt-tls-listen", "127.0.0.1:0", "--broker", "mqtt://x"}, secure...), 1, "does not go with --broker"},
		{"MQTT over TLS everywhere", append([]string{"--mqtt-tls-listen", ":0"}, secure...), 1, "--broker-public"},
		{"MQTT over TLS nowhere", append([]string{"--mqtt-tls-listen", "here"}, secure...), 1, "--mqtt-tls-listen: "},
		{"told in the clear", append([]string{"--mqtt-tls-listen", ":0", "--broker-public", "mqtt://x:1"}, secure...), 1, "--broker-public: want mqtts://"},
		{"told nonsense", []string{"--broker-public", "x:1"}, 1, "--broker-public: want mqtt://"},
		{"authorities without TLS", []string{"--client-ca", cert}, 1, "--client-ca needs --tls-cert"},
		{"authorities that are none", append([]string{"--client-ca", key}, secure...), 1, "TLS: client authorities " + key + ": no certificate"},
		{"certificates without authorities", append([]string{"--client-cert", "require"}, secure...), 1, "--client-cert needs --client-ca"},
		{"certificates at will", []string{"--client-cert", "maybe"}, 2, "--client-cert must be one of"},
		{"no such certificate", []string{"--tls-cert", cert + "x", "--tls-key", key}, 1, "TLS: certificate " + cert + "x: no such file"},
		{"nowhere for terminals", []string{"--mqtt-listen", ""}, 1, "terminals need --mqtt-listen, --mqtt-tls-listen or --broker"},
		{"nowhere for terminals, =", []string{"--mqtt-listen="}, 1, "terminals need --mqtt-listen"},
		{"nowhere for terminals, by the file", []string{"--config", config}, 1, "terminals need --mqtt-listen"},
		{"rate", []string{"--rate-merchant", "fast"}, 2, "as in 50/s:200"},
		{"connections", []string{"--max-connections=-1"}, 1, "--max-connections: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "galla.db")
			var out, errs bytes.Buffer
			code := run(t.Context(), append([]string{"serve", "--database", "sqlite:" + db}, row.args...), &out, &errs)
			text := strings.TrimSpace(errs.String())
			if code != row.code || !strings.Contains(text, row.says) || strings.Contains(text, "\n") {
				t.Errorf("exit %d: %s", code, text)
			}
			if _, err := os.Stat(db); err == nil {
				t.Error("a database was made")
			}
		})
	}
}
