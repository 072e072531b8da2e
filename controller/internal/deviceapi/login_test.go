package deviceapi_test

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/controller/internal/deviceapi"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/protocol"
)

// patience bounds every wait of a test. It is reached only by a failure.
const patience = 60 * time.Second

// venue is a real broker that asks a house's database.
type venue struct {
	*broker.Broker
	t       *testing.T
	address string
	// terminal reads a row; set before the first login.
	terminal func(context.Context, protocol.Identity) (fleet.Terminal, error)
}

func newVenue(t *testing.T) *venue {
	t.Helper()
	v := &venue{t: t}
	var err error
	v.Broker, err = broker.New(broker.Config{
		Auth: func(ctx context.Context, id protocol.Identity, token [32]byte) (bool, error) {
			row, err := v.terminal(ctx, id)
			return err == nil && subtle.ConstantTimeCompare(row.TokenHash, token[:]) == 1, err
		},
		OnReport: func(context.Context, protocol.Identity, string, []byte) {},
		Log:      slog.New(slog.DiscardHandler),
	})
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	v.address = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- v.Serve(listener) }()
	t.Cleanup(func() {
		must(t, v.Close(context.Background()))
		<-served
	})
	return v
}

// Revoke is enrol.Broker's, as the controller's embedded broker does it.
func (v *venue) Revoke(_ context.Context, id protocol.Identity) error {
	v.Kick(id)
	return nil
}

// login is the terminal's with a token; lost closes when its session is cut.
func (v *venue) login(token string) (lost chan struct{}, err error) {
	lost = make(chan struct{})
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + v.address).
		SetClientID(me.String()).SetUsername(me.String()).SetPassword(token).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience).
		SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
	connected := c.Connect()
	if !connected.WaitTimeout(patience) {
		return nil, errors.New("no answer")
	}
	v.t.Cleanup(func() { c.Disconnect(0) })
	return lost, connected.Error()
}

// TestOldTokenIsWorthNothing: over a real broker, the token of an enrolment
// lets the terminal in until the next one, which cuts its session.
func TestOldTokenIsWorthNothing(t *testing.T) {
	t.Parallel()
	v := newVenue(t)
	d := newDoor(t, deviceapi.Config{Kick: func(id protocol.Identity) { v.Kick(id) }})
	v.terminal = d.DB.Terminal
	if _, err := v.login("guess"); err == nil {
		t.Fatal("a terminal that never enrolled is let in")
	}
	first := d.enrolled(asking("device"))
	lost, err := v.login(first.Token)
	must(t, err)
	second := d.enrolled(asking("device"))
	select {
	case <-lost:
	case <-time.After(patience):
		t.Fatal("the session of the old token goes on")
	}
	if _, err := v.login(first.Token); err == nil {
		t.Error("the old token lets in")
	}
	_, err = v.login(second.Token)
	must(t, err)
}

// TestARevocationByAnotherProcess: what galla-controller terminal revoke does in
// its own process cuts the terminal's session at a running controller within
// five seconds, and neither its token nor its code is worth anything then
// (failure matrix I11).
func TestARevocationByAnotherProcess(t *testing.T) {
	t.Parallel()
	v := newVenue(t)
	d := newCodeDoor(t, deviceapi.Config{})
	v.terminal = d.DB.Terminal
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		(&enrol.Watcher{Storage: d.DB, Broker: v, Log: d.Log}).Run(ctx)
	}()
	defer func() { stop(); <-watched }()

	code := d.code()
	enrolled := d.enrolled(bring(code, "device"))
	lost, err := v.login(enrolled.Token)
	must(t, err)
	begun := time.Now()
	must(t, d.registrar.Unenrol(t.Context(), me, "cli")) // it has no broker
	select {
	case <-lost:
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	case <-time.After(patience):
		t.Fatal("the session of a revoked terminal goes on")
	}
	if _, err := v.login(enrolled.Token); err == nil {
		t.Error("the token of a revoked terminal lets in")
	}
	d.refused("its code", bring(code, "device"), http.StatusForbidden, "FORBIDDEN")
}
