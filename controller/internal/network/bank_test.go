package network_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// bank is the UPI network and the banks behind it: it keeps what it was sent,
// moves every TxnID once, and answers as it is told, at first always with yes.
type bank struct {
	mu    sync.Mutex
	got   []sent
	moved []string // TxnIDs of refunds and reversals, once each
	// answer, when set, is asked first; "" leaves it to the default.
	answer func(sent) string
	// do, when set, is what becomes of the whole exchange.
	do func(http.ResponseWriter, sent) bool
	// sign makes the answers' signatures; nil leaves them unsigned.
	sign func([]byte) ([]byte, error)
	away bool
}

// sent is one message as it came.
type sent struct {
	at     time.Time
	path   string
	root   string
	fields map[string]string
	raw    string
	gone   <-chan struct{} // the sender hangs up
}

func (s sent) String() string { return fmt.Sprint(s.root, " ", s.fields["Kind"], s.fields["Type"]) }

func newBank() *bank { return &bank{} }

// set changes how it behaves.
func (b *bank) set(change func(*bank)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

func (b *bank) received() []sent {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// of are the messages of that root.
func (b *bank) of(root string) []sent {
	return slices.DeleteFunc(b.received(), func(s sent) bool { return s.root != root })
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s := sent{at: time.Now(), path: r.URL.Path, raw: string(body), fields: map[string]string{}, gone: r.Context().Done()}
	s.root = read(body, s.fields)
	b.mu.Lock()
	if b.away { // a connection that was open from before
		b.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	b.got = append(b.got, s)
	if id := s.fields["TxnID"]; s.root == "ReqRefund" && !slices.Contains(b.moved, id) {
		b.moved = append(b.moved, id)
	}
	do, say, sign := b.do, b.answer, b.sign
	b.mu.Unlock()
	if do != nil && do(w, s) {
		return
	}
	text := ""
	if say != nil {
		text = say(s)
	}
	if text == "" {
		text = yes(s)
	}
	doc := []byte(text)
	if sign != nil {
		if signed, err := sign(doc); err == nil {
			doc = signed
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = w.Write(doc)
}

// read returns the root's name and its children's texts.
func read(doc []byte, fields map[string]string) (root string) {
	d := xml.NewDecoder(strings.NewReader(string(doc)))
	depth, name := 0, ""
	for {
		token, err := d.Token()
		if err != nil {
			return root
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			switch depth {
			case 1:
				root = token.Name.Local
			case 2:
				name = token.Name.Local
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 2 {
				fields[name] += string(token)
			}
		}
	}
}

// say answers a message with these elements; MsgID and Ts are put in.
func say(s sent, elements ...string) string {
	root := "Resp" + strings.TrimPrefix(s.root, "Req")
	var b strings.Builder
	fmt.Fprintf(&b, "<%s><MsgID>%s</MsgID>", root, s.fields["MsgID"])
	for i := 0; i < len(elements); i += 2 {
		fmt.Fprintf(&b, "<%s>%s</%s>", elements[i], elements[i+1], elements[i])
	}
	fmt.Fprintf(&b, "<Ts>%s</Ts></%s>", time.Now().UTC().Format("2006-01-02T15:04:05Z"), root)
	return b.String()
}

// rrnOf is the reference of what was moved under a TxnID.
func rrnOf(txnID string) string { return "RRN" + strings.ReplaceAll(txnID, "-", "") }

func yes(s sent) string {
	switch s.root {
	case "ReqCollect":
		return say(s, "Status", "00", "TxnID", s.fields["TxnID"])
	case "ReqRefund":
		return say(s, "Status", "00", "TxnID", s.fields["TxnID"], "Rrn", rrnOf(s.fields["TxnID"]))
	}
	return say(s, "Status", "ZQ", "Message", "no such transaction")
}

// dial is the way to it without sockets.
func (b *bank) dial(context.Context, string, string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	client, server := net.Pipe()
	go func() {
		s := &http.Server{Handler: b}
		_ = s.Serve(&oneConn{Conn: server})
	}()
	return client, nil
}

// oneConn is a listener that has one connection to give.
type oneConn struct {
	net.Conn
	given bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.given {
		return nil, io.EOF
	}
	l.given = true
	return l.Conn, nil
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.LocalAddr() }

// signedBy reports whether a message carries a good signature of s.
func (m sent) signedBy(s signer) bool {
	_, err := upixml.Verify([]byte(m.raw), certs(s), time.Now())
	return err == nil
}
