package callback_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
)

// Answers that take their time (failure matrix R11, T12): five seconds from
// the look-up to the status line, and not a goroutine longer.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	status := func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") }
	drip := func(c net.Conn, what string) {
		for _, err := c.Write(nil); err == nil; {
			<-time.After(100 * time.Millisecond)
			_, err = io.WriteString(c, what)
		}
	}
	for _, tt := range []struct {
		name   string
		serve  func(net.Conn)
		result string
		least  time.Duration
	}{
		{"answers after 4.9 s", func(c net.Conn) { <-time.After(4900 * time.Millisecond); status(c); _ = c.Close() },
			callback.ResultDelivered, 4900 * time.Millisecond},
		{"answers after 5.1 s", func(c net.Conn) { <-time.After(5100 * time.Millisecond); status(c); _ = c.Close() },
			callback.ResultTimeout, callback.SendTimeout},
		{"never answers", hang, callback.ResultTimeout, callback.SendTimeout},
		{"slow headers", func(c net.Conn) { drip(c, "H") }, callback.ResultTimeout, callback.SendTimeout},
		{"slow headers after the status", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			drip(c, "X-A: b\r\n")
		}, callback.ResultTimeout, callback.SendTimeout},
		{"body that drips", func(c net.Conn) { status(c); drip(c, "x") }, callback.ResultDelivered, 0},
		{"body that stops", func(c net.Conn) { status(c); hang(c) }, callback.ResultDelivered, 0},
		{"body without end", func(c net.Conn) {
			status(c)
			for _, err := c.Write(nil); err == nil; {
				_, err = c.Write(make([]byte, 1<<10))
			}
		}, callback.ResultDelivered, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lan := newWire()
				lan.plug("pos.example.in", func(c net.Conn) {
					if takeRequest(c) {
						tt.serve(c)
					}
				})
				b := newBench(t, nil)
				b.DialThrough(lan.dial)
				stop := b.start(t)
				began := time.Now()
				b.sell(t, "M1", "e1", shop)
				b.until(t, func() bool { a := b.attempts(t, "e1"); return len(a) > 0 && a[0].Finished })
				took := time.Since(began)
				if took < tt.least || took > callback.SendTimeout {
					t.Errorf("the attempt took %v", took)
				}
				if got := b.attempts(t, "e1")[0].Outcome; got.Result != tt.result {
					t.Errorf("outcome %+v, want %s", got, tt.result)
				}
				stop()
				<-time.After(time.Minute) // the server's own end
			})
		})
	}
}

// No more than 4 KiB of an answer's body is taken from the connection, but for
// what a buffer holds.
func TestBodyIsReadToALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, sent := newWire(), 0
		lan.plug("pos.example.in", func(c net.Conn) {
			if !takeRequest(c) {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
			for {
				n, err := c.Write(make([]byte, 512))
				if sent += n; err != nil {
					return
				}
			}
		})
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		b.settled(t, "e1", callback.StateDelivered)
		stop()
		synctest.Wait()
		if sent < callback.MaxResponse || sent > 3*callback.MaxResponse {
			t.Errorf("%d bytes were read", sent)
		}
	})
}
