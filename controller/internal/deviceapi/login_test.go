package deviceapi_test

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/controller/internal/deviceapi"
	"github.com/galla-pay/galla/protocol"
)

// patience bounds every wait of a test. It is reached only by a failure.
const patience = 20 * time.Second

// TestOldTokenIsWorthNothing: over a real broker, the token of an enrolment
// lets the terminal in until the next one, which cuts its session.
func TestOldTokenIsWorthNothing(t *testing.T) {
	t.Parallel()
	var d *door
	b, err := broker.New(broker.Config{
		Auth: func(ctx context.Context, id protocol.Identity, token [32]byte) (bool, error) {
			row, err := d.DB.Terminal(ctx, id)
			return err == nil && subtle.ConstantTimeCompare(row.TokenHash, token[:]) == 1, err
		},
		OnReport: func(context.Context, protocol.Identity, string, []byte) {},
		Log:      slog.New(slog.DiscardHandler),
	})
	must(t, err)
	d = newDoor(t, deviceapi.Config{Kick: func(id protocol.Identity) { b.Kick(id) }})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- b.Serve(listener) }()
	defer func() {
		must(t, b.Close(context.Background()))
		<-served
	}()

	login := func(token string) (lost chan struct{}, err error) {
		lost = make(chan struct{})
		c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + listener.Addr().String()).
			SetClientID(me.String()).SetUsername(me.String()).SetPassword(token).
			SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience).
			SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
		connected := c.Connect()
		if !connected.WaitTimeout(patience) {
			return nil, errors.New("no answer")
		}
		t.Cleanup(func() { c.Disconnect(0) })
		return lost, connected.Error()
	}
	if _, err := login("guess"); err == nil {
		t.Fatal("a terminal that never enrolled is let in")
	}
	first := d.enrolled(asking("device"))
	lost, err := login(first.Token)
	must(t, err)
	second := d.enrolled(asking("device"))
	select {
	case <-lost:
	case <-time.After(patience):
		t.Fatal("the session of the old token goes on")
	}
	if _, err := login(first.Token); err == nil {
		t.Error("the old token lets in")
	}
	_, err = login(second.Token)
	must(t, err)
}
