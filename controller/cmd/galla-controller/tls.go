package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/galla-pay/galla/controller/internal/tlsfile"
)

// tlsFlags say how connections are secured.
type tlsFlags struct {
	TLSCert        string `name:"tls-cert" placeholder:"FILE" help:"Serve HTTPS with this certificate (PEM, intermediates after it). Read again when it changes."`
	TLSKey         string `name:"tls-key" placeholder:"FILE" help:"The certificate's private key (PEM), not readable by everybody."`
	MQTTTLSListen  string `name:"mqtt-tls-listen" placeholder:"HOST:PORT" help:"Address of the embedded broker over TLS, with the same certificate. Terminals are then told this address only."`
	ClientCA       string `name:"client-ca" placeholder:"FILE" help:"Ask TLS clients for a certificate, and believe those of these authorities (PEM). A terminal's must have its identity as common name."`
	ClientCert     string `enum:"optional,mqtt,require," default:"" placeholder:"optional|mqtt|require" help:"Who must show a certificate of --client-ca: nobody (optional, the default), terminals at --mqtt-tls-listen (mqtt), or every TLS client (require)."`
	AllowCleartext bool   `help:"Serve devices and administrators without TLS on addresses besides loopback: behind a proxy that ends TLS, or in a private network."`
}

// cleartextListener is an address that is served without TLS.
type cleartextListener struct {
	flag, address string
	who, instead  string // is served, and what would secure it
}

// check refuses flags that contradict each other. Outside the sandbox it also
// refuses to serve devices and administrators in the clear beyond this machine,
// unless told so; in the sandbox that is a warning.
func (s serveCommand) check() (warnings []string, err error) {
	embedded := s.Broker == ""
	for _, wrong := range []struct {
		is   bool
		says string
	}{
		{s.TLSCert != "" && s.TLSKey == "", "--tls-cert needs --tls-key"},
		{s.TLSKey != "" && s.TLSCert == "", "--tls-key needs --tls-cert"},
		{s.MQTTTLSListen != "" && s.TLSCert == "", "--mqtt-tls-listen needs --tls-cert and --tls-key"},
		{s.MQTTTLSListen != "" && !embedded, "--mqtt-tls-listen is for the embedded broker: it does not go with --broker"},
		{s.ClientCA != "" && s.TLSCert == "", "--client-ca needs --tls-cert and --tls-key"},
		{s.ClientCert != "" && s.ClientCA == "", "--client-cert needs --client-ca"},
		{embedded && s.MQTTListen == "" && s.MQTTTLSListen == "", "terminals need --mqtt-listen, --mqtt-tls-listen or --broker"},
		{s.MQTTTLSListen != "" && strings.HasPrefix(s.BrokerPublic, "mqtt://"), "--broker-public: want mqtts://HOST:PORT, for --mqtt-tls-listen"},
		{s.MaxConnections < 0, "--max-connections: want a number, or 0 for no bound"},
	} {
		if wrong.is {
			return nil, errors.New(wrong.says)
		}
	}
	if err := s.checkBroker(); err != nil {
		return nil, err
	}
	if s.MQTTTLSListen != "" && s.BrokerPublic == "" {
		ip, err := listenIP("--mqtt-tls-listen", s.MQTTTLSListen)
		if err != nil {
			return nil, err
		}
		if ip == nil || ip.IsUnspecified() {
			return nil, fmt.Errorf("--mqtt-tls-listen %s is every address of this machine: say with --broker-public mqtts://HOST:PORT which one terminals are to use", s.MQTTTLSListen)
		}
	}
	var clear []cleartextListener
	if s.TLSCert == "" {
		clear = append(clear, cleartextListener{"--listen", s.Listen, "devices and administrators", "--tls-cert and --tls-key"})
	}
	if embedded && s.MQTTListen != "" {
		clear = append(clear, cleartextListener{"--mqtt-listen", s.MQTTListen, "devices", `--mqtt-tls-listen with --mqtt-listen ""`})
	}
	for _, c := range clear {
		ip, err := listenIP(c.flag, c.address)
		switch {
		case err != nil:
			return nil, err
		case ip.IsLoopback(), s.AllowCleartext:
		case s.Sandbox:
			warnings = append(warnings, c.flag+" "+c.address+" is served without TLS beyond this machine")
		default:
			return nil, fmt.Errorf("%s %s: %s are not served without TLS beyond this machine: give %s, or a loopback address, or --allow-cleartext behind a proxy that ends TLS or in a private network",
				c.flag, c.address, c.who, c.instead)
		}
	}
	if told := s.toldInTheClear(); !embedded && !s.Sandbox && !s.AllowCleartext && told != "" {
		warnings = append(warnings, "terminals send their tokens to "+told+" without TLS: give --broker or --broker-public an address with mqtts://")
	}
	return warnings, nil
}

// onThisMachine reports whether a URL names loopback.
func onThisMachine(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

// listenIP is the address that net.Listen would take; nil is all of them.
func listenIP(flag, address string) (net.IP, error) {
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return tcp.IP, nil
}

// openTLS reads the certificate; nil without --tls-cert.
func (f tlsFlags) openTLS(log *slog.Logger) (*tlsfile.Files, error) {
	if f.TLSCert == "" {
		return nil, nil
	}
	files, err := tlsfile.Open(tlsfile.Config{Cert: f.TLSCert, Key: f.TLSKey, ClientCA: f.ClientCA, Log: log})
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return files, nil
}

// httpTLS is the HTTPS listener's configuration. HTTP/2 is off.
func (f tlsFlags) httpTLS(files *tlsfile.Files) *tls.Config {
	return files.Server(f.clientAuth(f.ClientCert == "require"), "http/1.1")
}

// mqttTLS is the broker's. It names no protocol for ALPN: MQTT has none that all
// clients agree on.
func (f tlsFlags) mqttTLS(files *tlsfile.Files) *tls.Config {
	return files.Server(f.clientAuth(f.ClientCert == "require" || f.ClientCert == "mqtt"))
}

func (f tlsFlags) clientAuth(require bool) tls.ClientAuthType {
	if require {
		return tls.RequireAndVerifyClientCert
	}
	return tls.VerifyClientCertIfGiven
}
