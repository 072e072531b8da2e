package mosquitto

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// defaultTimeout bounds a call whose context has no deadline, and the whole of New.
const defaultTimeout = 10 * time.Second

// Options say where the broker is and who administers it.
type Options struct {
	// URL is mqtt://host:port or mqtts://host:port. Required.
	URL string
	// Username and Password are of an account with the plug-in's admin role.
	// Its client id must not be bound: every controller has one of its own. Required.
	Username string
	Password string
	// TLS is used with mqtts; nil means the system's roots.
	TLS *tls.Config
	// Log gets connections that are lost and made again. Required.
	Log *slog.Logger
	// Timeout bounds each call whose context has no deadline. Default 10 s.
	Timeout time.Duration
}

// DynSec is a connection to the plug-in. Its methods may be called from any
// goroutine.
type DynSec struct {
	options Options
	server  string
	client  paho.Client
	pending pending

	mu     sync.Mutex
	link   *link // the newest, or the one to come
	closed bool
}

// link is one connection: up is closed when the plug-in's answers are
// subscribed to, down when the connection has ended.
type link struct{ up, down chan struct{} }

func newLink() *link { return &link{up: make(chan struct{}), down: make(chan struct{})} }

// end closes down, once. DynSec.mu is held.
func (l *link) end() {
	select {
	case <-l.down:
	default:
		close(l.down)
	}
}

// Errors of the connection.
var (
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("mosquitto: closed")
	// errLost: the connection went before the answer came. The command may or
	// may not have been carried out.
	errLost = errors.New("connection lost before the answer")
)

// New connects, and makes sure that the account may administer the plug-in.
// ctx bounds it, and so does the timeout of o. The connection is made again
// whenever it is lost, until Close.
func New(ctx context.Context, o Options) (*DynSec, error) {
	if o.Username == "" || o.Password == "" {
		return nil, errors.New("mosquitto: username and password are required")
	}
	if o.Log == nil {
		return nil, errors.New("mosquitto: Options.Log is missing")
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("mosquitto: timeout is negative: %s", o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	server, err := serverURL(o.URL)
	if err != nil {
		return nil, err
	}
	name := "galla-dynsec-" + rand.Text()
	d := &DynSec{options: o, server: server, pending: pending{name: name}, link: newLink()}
	d.client = paho.NewClient(d.login(o.Username, o.Password).
		// Two clients of one id would throw each other out. After a lost
		// connection that is wanted: what the broker has not yet read of the old
		// one is void, and cannot undo what the new one does.
		SetClientID(name).
		SetAutoReconnect(true).SetMaxReconnectInterval(10 * time.Second).
		SetOrderMatters(false).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { d.answered(m.Payload()) }).
		SetOnConnectHandler(func(paho.Client) { d.connected() }).
		SetConnectionLostHandler(func(_ paho.Client, err error) { d.lost(err) }))

	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	token := d.client.Connect()
	select {
	case <-token.Done():
		err = token.Error()
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("mosquitto: connect to %s as %s: %w", server, o.Username, err)
	}
	// A client that may not write to the plug-in gets no answer at all.
	if _, err := d.run(ctx, command{Command: "getDefaultACLAccess"}); err != nil {
		d.Close()
		return nil, fmt.Errorf("%w (is the dynamic-security plug-in loaded, and has %s its admin role?)", err, o.Username)
	}
	return d, nil
}

// login is how every connection of this package begins.
func (d *DynSec) login(username, password string) *paho.ClientOptions {
	return paho.NewClientOptions().
		AddBroker(d.server).
		SetUsername(username).SetPassword(password).
		SetTLSConfig(d.options.TLS).
		SetProtocolVersion(4).SetCleanSession(true).
		SetKeepAlive(20 * time.Second).SetPingTimeout(10 * time.Second).
		SetConnectTimeout(d.options.Timeout).SetWriteTimeout(d.options.Timeout).
		SetAutoReconnect(false).SetConnectRetry(false)
}

// accepts tries a login and reports whether the broker lets it in. An error
// means that it could not be tried.
func (d *DynSec) accepts(ctx context.Context, username, password string) (bool, error) {
	client := paho.NewClient(d.login(username, password).SetClientID("galla-login-" + rand.Text()))
	defer client.Disconnect(0)
	token := client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		return false, fmt.Errorf("mosquitto: log in as %s: %w", username, ctx.Err())
	}
	switch err := token.Error(); {
	case err == nil:
		return true, nil
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return false, nil
	default:
		return false, fmt.Errorf("mosquitto: log in as %s: %w", username, err)
	}
}

// serverURL is the address as paho wants it.
func serverURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("mosquitto: the broker's URL must be mqtt://host:port or mqtts://host:port")
	}
	switch u.Scheme {
	case "mqtt":
		return "tcp://" + u.Host, nil
	case "mqtts":
		return "ssl://" + u.Host, nil
	default:
		return "", fmt.Errorf("mosquitto: the broker's URL must begin with mqtt:// or mqtts://, not %s://", u.Scheme)
	}
}

// Close ends the connection. Calls that wait return ErrClosed.
func (d *DynSec) Close() {
	d.mu.Lock()
	again := d.closed
	d.closed = true
	d.link.end()
	d.mu.Unlock()
	if !again {
		d.client.Disconnect(100) // milliseconds for what is being written
	}
}

// connected subscribes to the answers. paho calls it in a goroutine of its own
// for every connection, sometimes before it calls lost for the one before.
func (d *DynSec) connected() {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.link.end()
	l := newLink()
	d.link = l
	d.mu.Unlock()

	token := d.client.Subscribe(answerTopic, 1, nil)
	if !token.WaitTimeout(d.options.Timeout) {
		d.options.Log.Warn("mosquitto does not answer SUBSCRIBE", "topic", answerTopic)
		return // calls end by their own limits
	}
	granted, err := token.(*paho.SubscribeToken), token.Error()
	if err != nil || granted.Result()[answerTopic] == 0x80 {
		d.options.Log.Warn("mosquitto refuses the plug-in's answers", "topic", answerTopic, "error", err)
		return
	}
	close(l.up) // nobody else does
}

// lost wakes the calls that wait for answers. paho may call it when there is
// another connection already; then connected sees to the rest.
func (d *DynSec) lost(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.options.Log.Warn("connection to mosquitto's dynamic security lost", "error", err)
	if !d.client.IsConnectionOpen() {
		d.link.end()
		d.link = newLink()
	}
}

// usable waits for a connection.
func (d *DynSec) usable(ctx context.Context) (*link, error) {
	for {
		d.mu.Lock()
		l, closed := d.link, d.closed
		d.mu.Unlock()
		if closed {
			return nil, ErrClosed
		}
		select {
		case <-l.up:
			return l, nil
		case <-l.down:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
