package callback_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
	"golang.org/x/net/dns/dnsmessage"
)

// names is a DNS server on loopback that says of a name what the test wants.
type names struct {
	mu     sync.Mutex
	answer func(name string) []netip.Addr // none means: no such name
}

func (n *names) say(answer func(string) []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = answer
}

// resolver asks the server and nobody else.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := n.reply(buf[:size]); reply != nil {
				_, _ = pc.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func (n *names) reply(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	n.mu.Lock()
	addrs := n.answer(strings.TrimSuffix(q.Name.String(), "."))
	n.mu.Unlock()
	r := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true},
		Questions: m.Questions,
	}
	if addrs == nil {
		r.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addrs {
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		switch {
		case q.Type == dnsmessage.TypeA && a.Is4():
			r.Answers = append(r.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			r.Answers = append(r.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	packed, err := r.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func always(addrs ...string) func(string) []netip.Addr {
	var parsed []netip.Addr
	for _, a := range addrs {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return func(string) []netip.Addr { return parsed }
}

// trap is a server that must not be reached, on one port of several loopback
// addresses; on ::1 only where there is IPv6.
func trap(t *testing.T) (hits *till, port uint16) {
	t.Helper()
	hits = &till{}
	serve := func(l net.Listener) {
		server := &http.Server{Handler: hits, ErrorLog: quiet}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	for {
		first, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port = uint16(first.Addr().(*net.TCPAddr).Port)
		second, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.2:%d", port))
		if err != nil { // taken there: another port
			_ = first.Close()
			continue
		}
		serve(first)
		serve(second)
		if six, err := net.Listen("tcp6", fmt.Sprintf("[::1]:%d", port)); err == nil {
			serve(six)
		}
		return hits, port
	}
}

// corpus is every way to write a place that must not be reached, for one port.
func corpus(port uint16) []string {
	hosts := []string{
		// loopback, spelt as net, as inet_aton and as browsers read it
		"127.0.0.1", "127.0.0.2", "127.255.255.254", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "2130706434",
		"0x7f000001", "0x7F000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "0177.1", "017700000001", "00000177.0.0.1",
		"127.0.0.01", "127.00.00.01", "127.000.000.001", "4294967297", "127.0.0.1%2e", "0", "0.0.0.0", "0x0", "0.0", "00",
		"localhost", "LOCALHOST", "LocalHost", "localhost.", "a.localhost", "localhost.localdomain", "ip6-localhost",
		"①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.０.０.１", "ⓛocalhost", "127.0.0.1\u00ad",
		// loopback by IPv6
		"[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0001]", "[::]", "[0::0]",
		"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0.0.0.0]",
		"[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]",
		"[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::1%25lo]", "[::1%25]", "[fe80::1%25lo]", "[fe80::1]",
		// private, shared and other ranges that are no merchant's
		"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.254", "167772161",
		"0xc0a80001", "0300.0250.0.1", "100.64.0.1", "100.127.255.254", "198.18.0.1", "192.0.0.8", "240.0.0.1",
		"255.255.255.255", "224.0.0.1", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]", "[::ffff:10.0.0.1]",
		"[::ffff:192.168.0.1]", "192.0.2.1", "198.51.100.1", "203.0.113.1", "[2001:db8::1]",
		// metadata services
		"169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518", "169.16689662",
		"169.254.170.2", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]",
		"[fe80::a9fe:a9fe]", "100.100.100.200", "168.63.129.16", "192.0.0.192", "metadata.google.internal", "metadata",
		"instance-data", "169.254.169.254.nip.io", "127.0.0.1.nip.io", "rebind.example.in",
	}
	var urls []string
	for _, h := range hosts {
		urls = append(urls, fmt.Sprintf("http://%s:%d/cb", h, port))
	}
	for _, form := range []string{
		// who is the host?
		"http://pos.example.in@127.0.0.1:%d/", "http://pos.example.in:80@127.0.0.1:%d/", "http://pos.example.in%%40127.0.0.1:%d/",
		"http://127.0.0.1:%d@pos.example.in/", "http://127.0.0.1:%d#@pos.example.in/", "http://127.0.0.1:%d?@pos.example.in/",
		"http://127.0.0.1:%d/@pos.example.in/", "http://127.0.0.1:%d\\@pos.example.in/", "http://pos.example.in\\@127.0.0.1:%d/",
		"http://127.0.0.1:%d%%23@pos.example.in/", "http://127.0.0.1%%2523@pos.example.in:%d/", "http://[::1]@127.0.0.1:%d/",
		"http://127.0.0.1%%09:%d/", "http://127.0.0.1%%00:%d/", "http://127.0.0.1%%20:%d/", "http://127.0.0.1%%252f:%d/",
		"http://127.0.0.1\t:%d/", "http://127.0.0.1 :%d/", "http://\n127.0.0.1:%d/", "http://@127.0.0.1:%d/", "http://:@127.0.0.1:%d/",
		"http://%%31%%32%%37.0.0.1:%d/", "http://[127.0.0.1]:%d/", "http://[::1:%d/", "http://::1:%d/", "http://127.0.0.1:0%d/",
		"http://127.0.0.1:+%d/", "http://127.0.0.1:%d:80/", "http://127.0.0.1:%d,pos.example.in/", "http://pos.example.in,127.0.0.1:%d/",
		"HTTP://127.0.0.1:%d/", "hTTps://127.0.0.1:%d/", " http://127.0.0.1:%d/", "\u00a0http://127.0.0.1:%d/", "http:127.0.0.1:%d/",
		"http:/127.0.0.1:%d/", "http:///127.0.0.1:%d/", "http:\\\\127.0.0.1:%d/", "//127.0.0.1:%d/", "///127.0.0.1:%d/",
		"127.0.0.1:%d/", "localhost:%d/", "http+unix://127.0.0.1:%d/", "url:http://127.0.0.1:%d/",
		// other schemes
		"ftp://127.0.0.1:%d/", "gopher://127.0.0.1:%d/_POST", "dict://127.0.0.1:%d/info", "ldap://127.0.0.1:%d/", "ws://127.0.0.1:%d/",
		"file://127.0.0.1:%d/etc/passwd", "jar:http://127.0.0.1:%d/!/", "data:text/plain,%d", "javascript:%d", "tcp://127.0.0.1:%d",
	} {
		urls = append(urls, fmt.Sprintf(form, port))
	}
	return urls
}

// Failure matrix T12: whatever the spelling, and though the resolver reads
// each as the worst that any resolver reads, no request arrives.
func TestCorpus(t *testing.T) {
	t.Parallel()
	hits, port := trap(t)
	dns := &names{}
	dns.say(func(name string) []netip.Addr {
		if strings.Contains(name, "metadata") || strings.Contains(name, "169") {
			return always("169.254.169.254")(name)
		}
		return always("127.0.0.1", "::1", "::ffff:127.0.0.1")(name)
	})
	resolver := dns.resolver(t)
	b := newBench(t, func(c *callback.Config) {
		c.AllowPrivate, c.Resolver, c.Ports = false, resolver, []uint16{port}
	})
	stop := b.start(t)
	urls := corpus(port)
	if len(urls) < 150 {
		t.Fatalf("the corpus has %d URLs", len(urls))
	}
	for i, u := range urls {
		b.put(t, fmt.Sprint("M", i), fmt.Sprint("e", i), u)
	}
	b.Wake()
	for i, u := range urls {
		event := fmt.Sprint("e", i)
		b.until(t, func() bool { a := b.attempts(t, event); return len(a) > 0 && a[0].Finished })
		switch got := b.attempts(t, event)[0].Outcome; got.Result {
		case callback.ResultRefused, callback.ResultBadURL, callback.ResultDNS:
		case callback.ResultConnect: // no address at all: a zone or a port that does not exist
			if strings.Contains(got.Error, "refused") {
				t.Errorf("%q was dialled: %+v", u, got)
			}
		default:
			t.Errorf("%q: %+v", u, got)
		}
	}
	stop()
	if got := hits.received(); len(got) > 0 {
		t.Fatalf("%d requests arrived, the first %s %s for %s", len(got), got[0].method, got[0].path, got[0].header)
	}
}

// The corpus's trap is a real one: with the guard open the plain spelling arrives.
func TestCorpusReachesTheTrapWithoutTheGuard(t *testing.T) {
	t.Parallel()
	hits, port := trap(t)
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "localhost"} {
		if a := firstAttempt(t, fmt.Sprintf("http://%s:%d/cb", host, port), nil); a.Outcome.Result != callback.ResultDelivered {
			t.Errorf("%s: %+v", host, a.Outcome)
		}
	}
	if n := len(hits.received()); n != 3 {
		t.Errorf("%d requests arrived, want 3", n)
	}
}

// A name that was public when it was looked at, and is ours when it is dialled.
func TestRebinding(t *testing.T) {
	t.Parallel()
	hits, port := trap(t)
	for _, then := range [][]string{
		{"127.0.0.1"}, {"::1"}, {"::ffff:127.0.0.1"}, {"169.254.169.254"}, {"10.0.0.1", "127.0.0.1"}, {"0.0.0.0"}, {"64:ff9b::7f00:1"},
	} {
		dns := &names{}
		dns.say(always("93.184.216.34"))
		resolver := dns.resolver(t)
		first, err := resolver.LookupHost(t.Context(), "rebind.example.in.")
		if err != nil || len(first) != 1 || first[0] != "93.184.216.34" {
			t.Fatalf("the name was %v, %v", first, err)
		}
		dns.say(always(then...))
		a := firstAttempt(t, fmt.Sprintf("http://rebind.example.in.:%d/", port), func(c *callback.Config) {
			c.AllowPrivate, c.Resolver, c.Ports = false, resolver, []uint16{port}
		})
		if a.Outcome.Result != callback.ResultRefused {
			t.Errorf("then %v: %+v", then, a.Outcome)
		}
	}
	if n := len(hits.received()); n > 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// A connection that is kept is to an address that passed; a name that moves
// while it is kept cannot move the connection, and a new one is judged anew.
func TestRebindingBetweenNotices(t *testing.T) {
	t.Parallel()
	hits, port := trap(t)
	dns := &names{}
	dns.say(always("127.0.0.1"))
	resolver := dns.resolver(t)
	b := newBench(t, func(c *callback.Config) {
		c.Resolver = resolver
		c.Deny = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	})
	b.start(t)
	url := fmt.Sprintf("http://rebind.example.in.:%d/", port)
	b.sell(t, "M1", "e1", url)
	b.settled(t, "e1", callback.StateDelivered)
	dns.say(always("127.0.0.2"))
	b.sell(t, "M1", "e2", url)
	b.settled(t, "e2", callback.StateDelivered) // on the connection that is kept
	b.sell(t, "M2", "e3", strings.Replace(url, "rebind", "moved", 1))
	b.until(t, func() bool { a := b.attempts(t, "e3"); return len(a) > 0 && a[0].Finished })
	if got := b.attempts(t, "e3")[0].Outcome; got.Result != callback.ResultRefused {
		t.Errorf("%+v", got)
	}
	if n := len(hits.received()); n != 2 {
		t.Errorf("%d requests arrived, want 2", n)
	}
}

// A redirect to the metadata service is an answer like any other, and is not
// followed.
func TestRedirectToMetadata(t *testing.T) {
	t.Parallel()
	hits, port := trap(t)
	for _, to := range []string{
		"http://169.254.169.254/latest/meta-data/", fmt.Sprintf("http://127.0.0.1:%d/", port), "file:///etc/passwd", "gopher://127.0.0.1/",
	} {
		pos := &till{}
		pos.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		})
		server := httptest.NewServer(pos)
		a := firstAttempt(t, server.URL, nil)
		server.Close()
		if a.Outcome.Result != callback.ResultRedirect || a.Outcome.HTTPStatus != 302 || a.Outcome.State != callback.StatePending {
			t.Errorf("%s: %+v", to, a.Outcome)
		}
	}
	if n := len(hits.received()); n > 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestNameThatDoesNotExist(t *testing.T) {
	t.Parallel()
	dns := &names{}
	dns.say(func(string) []netip.Addr { return nil })
	resolver := dns.resolver(t)
	a := firstAttempt(t, "http://nobody.example.in./cb?t=canary", func(c *callback.Config) { c.Resolver = resolver })
	if a.Outcome.Result != callback.ResultDNS || a.Outcome.State != callback.StatePending {
		t.Errorf("%+v", a.Outcome)
	}
}

// A name server that is silent costs an attempt no more than any silence. (Real
// seconds: the resolver of package net cannot live in a synctest bubble.)
func TestNameServerThatIsSilent(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	a := firstAttempt(t, "http://silent.example.in./cb?t=canary", func(c *callback.Config) {
		c.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", silent.LocalAddr().String())
		}}
	})
	if a.Outcome.Result != callback.ResultTimeout || a.Outcome.Took > callback.SendTimeout+2*time.Second {
		t.Errorf("%+v", a.Outcome)
	}
}

// Config that cannot work is refused when the sender is made.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := callback.Config{}
	newBench(t, func(c *callback.Config) { good = *c })
	for name, spoil := range map[string]func(*callback.Config){
		"Outbox":      func(c *callback.Config) { c.Outbox = nil },
		"Render":      func(c *callback.Config) { c.Render = nil },
		"Sign":        func(c *callback.Config) { c.Sign = nil },
		"Log":         func(c *callback.Config) { c.Log = nil },
		"Concurrency": func(c *callback.Config) { c.Concurrency = -1 },
	} {
		cfg := good
		spoil(&cfg)
		if s, err := callback.New(cfg); err == nil || s != nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if _, err := callback.New(good); err != nil {
		t.Error(err)
	}
}
