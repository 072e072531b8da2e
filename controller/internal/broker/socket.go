package broker

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// maxConnect is the longest CONNECT, in bytes after its fixed header. Identities,
// token and will topic take at most 0.8 KiB of it; the rest is the will.
const maxConnect = 4 << 10

// readAhead is what is read of a packet before it is known how long that is, in
// bytes: an acknowledgement, a ping and a SUBSCRIBE whole.
const readAhead = 128

// connectStart is how the variable part of a CONNECT of MQTT 3.1.1 begins: the
// protocol's name with its length. The version byte follows.
const connectStart = "\x00\x04MQTT"

// socket is one accepted connection, as mochi sees it: a reader that gives it one
// packet and no more. Its deadlines are the broker's.
type socket struct {
	net.Conn
	address      netip.Prefix // what it counts under while it has not logged in
	writeTimeout time.Duration
	counters     *counters
	shutOnce     sync.Once

	// Only the goroutine that serves the socket touches these, and who works for it.
	working sync.WaitGroup // the work that it waits for
	ahead   []byte         // read from the connection and not yet by mochi; of buffer after the login
	left    int            // bytes of this packet that mochi has not read
	session *session       // nil until the login
	refused bool           // its end is counted already
	ended   bool           // there is nothing more to read
	broken  error          // why the connection cannot be read
	buffer  [readAhead]byte
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
	for {
		why, enough := s.looksLikeConnect()
		if why == ReasonVersion {
			// MQTT 5 section 3.1.2.2 lets a server of 3.1.1 answer so.
			_ = s.connack(connackVersion) // the connection ends next
		}
		if enough {
			return why
		}
		if err := s.fill(); err != nil {
			return readReason(err)
		}
	}
}

// looksLikeConnect says what is wrong with what was read so far, or "", and whether
// that is the last word.
func (s *socket) looksLikeConnect() (why Reason, enough bool) {
	b := s.ahead
	if len(b) > 0 && b[0] != packets.Connect<<4 {
		return ReasonGarbage, true
	}
	if !s.begins() {
		return "", false
	}
	lead := 2
	for b[lead-1]&0x80 != 0 {
		if lead++; lead > 5 {
			return ReasonGarbage, true
		}
	}
	if s.left-lead > maxConnect {
		return ReasonSize, true
	}
	if s.left-lead < len(connectStart)+1 {
		return ReasonGarbage, true
	}
	start := b[lead:min(len(b), lead+len(connectStart))]
	switch {
	case string(start) != connectStart[:len(start)]:
		return ReasonGarbage, true
	case len(b) <= lead+len(connectStart):
		return "", false
	case b[lead+len(connectStart)] != 4:
		return ReasonVersion, true
	}
	return "", true
}

// readReason tells a silent peer from one that hung up or spoke nonsense.
func readReason(err error) Reason {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ReasonSilent
	}
	return ReasonGarbage
}

// connack answers a CONNECT.
func (s *socket) connack(code byte) error {
	_, err := s.Write([]byte{0x20, 2, 0, code})
	return err
}

// await waits for the next packet of a session to begin and reports whether it
// did. An acknowledgement and a ping, which are most of what a terminal sends, it
// deals with itself. It is where the terminal's goroutine spends its life, so it
// must be called with little on the stack.
func (s *socket) await(of *session) bool {
	if s.ended {
		return false
	}
	for {
		if s.broken = s.SetReadDeadline(time.Now().Add(of.keepAlive * 3 / 2)); s.broken != nil {
			return false
		}
		for !s.begins() {
			if s.broken = s.fill(); s.broken != nil {
				return false
			}
		}
		switch {
		case s.left == 4 && len(s.ahead) >= 4 && s.ahead[0] == packets.Puback<<4:
			of.acknowledged(binary.BigEndian.Uint16(s.ahead[2:]))
		case s.left == 2 && s.ahead[0] == packets.Pingreq<<4:
			if _, s.broken = s.Write([]byte{packets.Pingresp << 4, 0}); s.broken != nil {
				return false
			}
		default:
			return true
		}
		s.ahead = s.ahead[s.left:]
	}
}

// fill reads more of a packet whose header has not come whole.
func (s *socket) fill() error {
	n := copy(s.buffer[:], s.ahead)
	more, err := s.Conn.Read(s.buffer[n:])
	s.ahead = s.buffer[:n+more]
	if more > 0 {
		return nil
	}
	return err
}

// peekFor is how long gone waits for the end of a connection to show.
const peekFor = time.Millisecond

// gone reports whether the peer has hung up. What it may have sent is kept.
func (s *socket) gone() bool {
	if len(s.ahead) > 0 || s.SetReadDeadline(time.Now().Add(peekFor)) != nil {
		return false
	}
	err := s.fill()
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// begins reports whether the header of the next packet is there, and notes how long
// that packet is. A length that is none is left to mochi, which refuses it.
func (s *socket) begins() bool {
	length := 0
	for i, b := range s.ahead[min(1, len(s.ahead)):] {
		length |= int(b&0x7f) << (7 * i)
		if b&0x80 == 0 || i == 3 {
			s.left = 2 + i + length
			return true
		}
	}
	return false
}

// more reports whether the next packet has come whole.
func (s *socket) more() bool { return s.begins() && s.left <= len(s.ahead) }

// Read gives mochi the packet that it is to read, and nothing after it.
func (s *socket) Read(b []byte) (n int, err error) {
	if s.left == 0 {
		return 0, io.ErrUnexpectedEOF // the packet is shorter than mochi thinks
	}
	b = b[:min(len(b), s.left)]
	if len(s.ahead) > 0 {
		n = copy(b, s.ahead)
		s.ahead = s.ahead[n:]
	} else {
		n, err = s.Conn.Read(b)
	}
	s.left -= n
	return n, err
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
