package journal_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a journal and PostgreSQL and understands just enough of
// the protocol to see a batch's COMMIT go by, so that the connection can be lost
// there.
type proxy struct {
	t        testing.TB
	upstream string
	listener net.Listener
	ended    chan struct{} // closed with the test

	mu    sync.Mutex
	plan  []fault // one for each COMMIT, in order; none left: nothing happens
	conns []net.Conn
}

// fault is what happens to one COMMIT.
type fault int

const (
	passOn         fault = 0
	loseAnswer     fault = 1 // it is done, its answer never comes
	loseCommit     fault = 2 // it never arrives
	delayCommit    fault = 3 // the client is cut off; the COMMIT arrives when late is closed
	delayWithBatch fault = 4 // the same, and with it all of the batch that begins with its id
)

// startProxy starts one and returns the DSN that leads through it.
func startProxy(t testing.TB, dsn string, late <-chan struct{}, plan ...fault) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, upstream: u.Host, plan: plan}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := p.listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { p.serve(c, late) })
		}
	})
	p.ended = make(chan struct{})
	t.Cleanup(func() {
		_ = p.listener.Close()
		close(p.ended)
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		conns.Wait()
	})
	u.Host = p.listener.Addr().String()
	return u.String()
}

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
}

func (p *proxy) next() fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.plan) == 0 {
		return passOn
	}
	f := p.plan[0]
	p.plan = p.plan[1:]
	return f
}

// serve carries one connection.
func (p *proxy) serve(client net.Conn, late <-chan struct{}) {
	defer client.Close()
	server, err := net.Dial("tcp", p.upstream)
	if err != nil {
		return
	}
	defer server.Close()
	p.keep(client)
	p.keep(server)
	// The answers, until somebody says that they are lost.
	lost, ended := make(chan struct{}), make(chan struct{})
	inserted := make(chan struct{}, 1) // the batch's id is in, and not committed
	go func() {
		defer close(ended)
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			select {
			case <-lost:
				if bytes.Contains(buf[:n], []byte("INSERT 0 1")) {
					select {
					case inserted <- struct{}{}:
					default:
					}
				}
			default:
				_, _ = client.Write(buf[:n])
			}
			if err != nil {
				_ = client.Close()
				return
			}
		}
	}()
	defer func() { <-ended }()
	defer server.Close()

	// The startup message has no kind.
	head := make([]byte, 4)
	if _, err := io.ReadFull(client, head); err != nil {
		return
	}
	if _, err := server.Write(head); err != nil {
		return
	}
	if _, err := io.CopyN(server, client, int64(binary.BigEndian.Uint32(head))-4); err != nil {
		return
	}
	queries := map[string]string{} // of prepared statements
	var held []byte                // of a batch whose COMMIT decides what happens to it
	begun, holding := false, false
	for {
		frame, err := readFrame(client)
		if err != nil {
			return
		}
		name := bound(frame, queries)
		begun = begun || strings.EqualFold(name, "BEGIN")
		if begun && strings.HasPrefix(name, "INSERT INTO batches") {
			holding = true
		}
		if !holding {
			if _, err := server.Write(frame); err != nil {
				return
			}
			continue
		}
		if name != "COMMIT" {
			held = append(held, frame...)
			continue
		}
		rest := frame // BIND of COMMIT, then DESCRIBE, EXECUTE, SYNC
		for rest[len(rest)-5] != 'S' {
			more, err := readFrame(client)
			if err != nil {
				return
			}
			rest = append(rest, more...)
		}
		switch p.next() {
		case passOn:
			if _, err := server.Write(append(held, rest...)); err != nil {
				return
			}
			held, begun, holding = nil, false, false
			continue
		case loseAnswer:
			close(lost)
			_, _ = server.Write(append(held, rest...))
			_, _ = server.Write([]byte{'X', 0, 0, 0, 4}) // the server ends the session once it is done
			<-ended
		case loseCommit:
			_, _ = server.Write(held)
		case delayCommit:
			close(lost)
			_, _ = server.Write(append(held, 'H', 0, 0, 0, 4)) // FLUSH: it answers without a SYNC
			p.wait(inserted)
			_ = client.Close()
			p.wait(late)
			_, _ = server.Write(append(rest, 'X', 0, 0, 0, 4))
			<-ended
		case delayWithBatch:
			close(lost)
			_ = client.Close()
			p.wait(late)
			_, _ = server.Write(append(append(held, rest...), 'X', 0, 0, 0, 4))
			<-ended
		}
		return
	}
}

// wait waits for a channel, or for the end of a test that has failed.
func (p *proxy) wait(c <-chan struct{}) {
	select {
	case <-c:
	case <-p.ended:
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	frame := make([]byte, 5)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(frame[1:])-4)
	_, err := io.ReadFull(r, body)
	return append(frame, body...), err
}

// bound is the query that a BIND runs; it learns from PARSE.
func bound(frame []byte, queries map[string]string) string {
	parts := strings.SplitN(string(frame[5:]), "\x00", 3)
	switch frame[0] {
	case 'P':
		queries[parts[0]] = parts[1]
	case 'B':
		return queries[parts[1]]
	}
	return ""
}
