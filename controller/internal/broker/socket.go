package broker

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// maxConnect is the longest CONNECT, in bytes after its fixed header. Identities,
// token and will topic take at most 0.8 KiB of it; the rest is the will.
const maxConnect = 4 << 10

// connectStart is how the variable part of a CONNECT of MQTT 3.1.1 begins: the
// protocol's name with its length. The version byte follows.
const connectStart = "\x00\x04MQTT"

// socket is one accepted connection, as mochi sees it. Its deadlines are the
// broker's: mochi moves the read deadline along with the keep-alive and can
// neither clear it nor stretch a write.
type socket struct {
	net.Conn
	address      netip.Prefix // what it counts under while it has not logged in
	writeTimeout time.Duration
	counters     *counters
	shutOnce     sync.Once

	// Only the goroutine that serves the socket touches these.
	head    []byte   // read by greet, not yet by mochi
	session *session // nil until the login
	refused bool     // its end is counted already
}

// addressOf is the key of the per-address cap: the IPv4 address, or the /64
// that one IPv6 customer has. What is no IP address all shares one key.
func addressOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// handshake is the TLS handshake, where there is one, within the deadline that
// the socket has.
func (s *socket) handshake() error {
	if t, ok := s.Conn.(*tls.Conn); ok {
		return t.Handshake()
	}
	return nil
}

// certifiedAs is the common name of the client's certificate, which the
// listener's configuration has had verified; ok is false when it showed none.
func (s *socket) certifiedAs() (name string, ok bool) {
	t, isTLS := s.Conn.(*tls.Conn)
	if !isTLS {
		return "", false
	}
	certs := t.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return "", false
	}
	return certs[0].Subject.CommonName, true
}

// greet reads the first bytes and says what is wrong with them, or "". It lets
// through only what begins like a CONNECT of MQTT 3.1.1 and is no longer than
// maxConnect: mochi allocates what the length says and parses before anybody
// has logged in.
func (s *socket) greet() Reason {
	// The longest that is read here: type, four bytes of length, name, version.
	head := make([]byte, 0, 5+len(connectStart)+1)
	next := func(n int) (b []byte, err error) {
		b = head[len(head) : len(head)+n]
		_, err = io.ReadFull(s.Conn, b)
		head = head[:len(head)+n]
		return b, err
	}

	b, err := next(1)
	if err != nil {
		return readReason(err)
	}
	if b[0] != 0x10 {
		return ReasonGarbage
	}
	length := 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return ReasonGarbage
		}
		if b, err = next(1); err != nil {
			return readReason(err)
		}
		length |= int(b[0]&0x7f) << shift
		if b[0]&0x80 == 0 {
			break
		}
	}
	if length > maxConnect {
		return ReasonSize
	}
	if length < len(connectStart)+1 {
		return ReasonGarbage
	}
	if b, err = next(len(connectStart)); err != nil {
		return readReason(err)
	}
	if string(b) != connectStart {
		return ReasonGarbage
	}
	if b, err = next(1); err != nil {
		return readReason(err)
	}
	if b[0] != 4 {
		// MQTT 5 section 3.1.2.2 lets a server of 3.1.1 answer so.
		s.connack(connackVersion)
		return ReasonVersion
	}
	s.head = head
	return ""
}

// readReason tells a silent peer from one that hung up or spoke nonsense.
func readReason(err error) Reason {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ReasonSilent
	}
	return ReasonGarbage
}

// connack answers a CONNECT that is refused. The connection ends next, so a
// failed write needs no care.
func (s *socket) connack(code byte) { _, _ = s.Write([]byte{0x20, 2, 0, code}) }

// Read gives what greet has read, then the connection.
func (s *socket) Read(b []byte) (int, error) {
	if len(s.head) > 0 {
		n := copy(b, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	return s.Conn.Read(b)
}

// Write ends the connection when it fails: mochi would keep the client and
// drop its messages.
func (s *socket) Write(b []byte) (int, error) {
	if err := s.Conn.SetWriteDeadline(time.Now().Add(s.writeTimeout)); err != nil {
		return 0, err
	}
	n, err := s.Conn.Write(b)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.counters.refuse(ReasonStuck)
		}
		s.shut()
	}
	return n, err
}

// SetDeadline is how mochi renews the keep-alive. Keep-alive 0 would clear it.
func (s *socket) SetDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	return s.SetReadDeadline(t)
}

// shut closes the connection at once, from any goroutine. Closing a TLS
// connection politely may wait for a peer that does not read; this does not.
func (s *socket) shut() {
	s.shutOnce.Do(func() {
		conn := s.Conn
		if t, ok := conn.(*tls.Conn); ok {
			conn = t.NetConn()
		}
		_ = conn.Close() // nothing to do about it: the peer is given up
	})
}

// Close is how mochi ends the connection.
func (s *socket) Close() error {
	s.shut()
	return nil
}
