package session

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/galla-pay/galla/protocol"
)

const (
	// A broker that does not take a packet for this long is gone.
	writeTimeout = 5 * time.Second
	// maxPacket is the longest packet that is read, in bytes after the fixed
	// header: a message, its topic and its id.
	maxPacket = protocol.MaxMessage + 512
)

// errCut is what reads return after cut. Its text must not be that of
// net.ErrClosed, which paho takes for its own doing and does not report.
var errCut = errors.New("connection was cut")

// errThrownOff: a broker of MQTT 3.1.1 says DISCONNECT, which only a client may.
var errThrownOff = errors.New("broker sent a DISCONNECT")

// wire is the connection below the client library. It bounds each write, refuses
// packets that are too long or whose form would make the library panic, and can
// be cut from any goroutine.
type wire struct {
	net.Conn
	frames framer
	// turn holds one token, for the writer: paho pings beside its other
	// writes, and neither must lengthen the other's limit.
	turn chan struct{}
	gone chan struct{} // closed by cut
	once sync.Once
}

func newWire(conn net.Conn) *wire {
	w := &wire{Conn: conn, turn: make(chan struct{}, 1), gone: make(chan struct{})}
	w.turn <- struct{}{}
	return w
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if bad := w.frames.see(p[:n]); bad != nil {
		return 0, bad
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		err = errCut
	}
	return n, err
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	select {
	case <-w.turn:
	case <-w.gone:
		return 0, errCut
	}
	defer func() { w.turn <- struct{}{} }()
	if err := w.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// SetWriteDeadline implements net.Conn and does nothing: Write sets its own.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// cut ends the connection as a power cut does: without a DISCONNECT, so that the
// broker publishes the last will.
func (w *wire) cut() { _ = w.Close() }

// Close implements net.Conn: see cut.
func (w *wire) Close() error {
	w.once.Do(func() { close(w.gone) })
	return w.Conn.Close()
}

// framer follows the packets in a stream of bytes (MQTT 3.1.1: Fixed header).
type framer struct {
	kind   byte
	inHead bool
	shift  uint
	length int // of the packet, then what of it has not come yet
}

// see takes the next bytes and returns an error at the first packet that must
// not reach the library.
func (f *framer) see(p []byte) error {
	for len(p) > 0 {
		switch {
		case f.inHead:
			b := p[0]
			p = p[1:]
			f.length |= int(b&0x7f) << f.shift
			f.shift += 7
			if b&0x80 != 0 && f.shift < 28 {
				continue
			}
			if b&0x80 != 0 {
				return errors.New("broker sent a packet with an endless length")
			}
			f.inHead = false
			if err := f.check(); err != nil {
				return err
			}
		case f.length > 0:
			n := min(f.length, len(p))
			f.length -= n
			p = p[n:]
		default:
			*f = framer{kind: p[0] >> 4, inHead: true}
			p = p[1:]
		}
	}
	return nil
}

// check looks at a packet whose head has come. This client subscribes to one
// topic at a time: a SUBACK with more codes than that would make the library
// read beyond the end of its list.
func (f *framer) check() error {
	want := -1
	switch f.kind {
	case packets.Connack, packets.Puback:
		want = 2
	case packets.Suback:
		want = 3
	case packets.Pingresp:
		want = 0
	case packets.Publish:
	case packets.Disconnect: // mochi says it to the one that it throws off
		return errThrownOff
	default:
		return fmt.Errorf("broker sent a packet of type %d, which is none of a broker's", f.kind)
	}
	if f.length > maxPacket || want >= 0 && f.length != want {
		return fmt.Errorf("broker sent a packet of type %d with %d bytes", f.kind, f.length)
	}
	return nil
}
