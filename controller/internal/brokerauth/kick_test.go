package brokerauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/gin-gonic/gin"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// patience bounds every wait of a test. It is reached only by a failure.
const patience = 60 * time.Second

// asking is the hook that makes a broker ask a door over HTTP, as EMQX does.
type asking struct {
	mochi.HookBase
	url string
}

func (h *asking) ID() string { return "asking" }

func (h *asking) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}

func (h *asking) ask(path string, question map[string]any) bool {
	body, err := json.Marshal(question)
	if err != nil {
		return false
	}
	r, err := http.NewRequest("POST", h.url+path, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return err == nil && bytes.Contains(text, []byte(`"result":"allow"`))
}

func (h *asking) OnConnectAuthenticate(c *mochi.Client, pk packets.Packet) bool {
	return h.ask(brokerauth.AuthPath, map[string]any{
		"clientid": c.ID, "username": string(pk.Connect.Username), "password": string(pk.Connect.Password),
	})
}

func (h *asking) OnACLCheck(c *mochi.Client, topic string, write bool) bool {
	action := "subscribe"
	if write {
		action = "publish"
	}
	return h.ask(brokerauth.ACLPath, map[string]any{
		"clientid": c.ID, "username": string(c.Properties.Username), "topic": topic, "action": action, "qos": "1", "retain": "false",
	})
}

// listen starts a broker that asks the door at url, and returns its address.
func listen(t *testing.T, url string) string {
	t.Helper()
	b := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	must(t, b.AddHook(&asking{url: url}, nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, b.AddListener(listeners.NewNet("tests", l)))
	must(t, b.Serve())
	t.Cleanup(func() { must(t, b.Close()) })
	return l.Addr().String()
}

// login is a terminal's; lost closes when its session is cut.
func login(t *testing.T, address string, id protocol.Identity, token string) (c paho.Client, lost chan struct{}, err error) {
	t.Helper()
	lost = make(chan struct{})
	c = paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + address).
		SetClientID(id.String()).SetUsername(id.String()).SetPassword(token).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience).
		SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
	connected := c.Connect()
	if !connected.WaitTimeout(patience) {
		return nil, nil, errors.New("no answer")
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c, lost, connected.Error()
}

// TestRevocationAtAnExternalBroker: a broker that asks the door lets a terminal
// in and to its own topics; a revocation by another process cuts it off within
// five seconds, and it does not come back (failure matrix I11).
func TestRevocationAtAnExternalBroker(t *testing.T) {
	t.Parallel()
	house := doortest.New(t)
	key, err := enrol.LoadKey(t.Context(), house.DB)
	must(t, err)
	registrar := &enrol.Registrar{Storage: house.DB, Key: key, Log: house.Log}
	me := protocoltest.Identity
	enrolled := func(device, token string) error {
		code, _, err := registrar.NewCode(t.Context(), me, "asha")
		must(t, err)
		_, err = registrar.Enrol(t.Context(), protocol.EnrolCode(code), protocoltest.Public(device), hashOf(token))
		return err
	}

	door, err := brokerauth.New(brokerauth.Config{Reader: house.DB, Secret: secret, Log: house.Log})
	must(t, err)
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	door.Register(engine)
	web := httptest.NewServer(engine)
	defer web.Close()
	defer http.DefaultClient.CloseIdleConnections()
	address := listen(t, web.URL)
	kicker := &brokerauth.Kicker{URLs: []string{"mqtt://" + address}, Secret: secret}

	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		(&enrol.Watcher{Storage: house.DB, Broker: kicker, Log: house.Log}).Run(ctx)
	}()
	defer func() { stop(); <-watched }()

	if _, _, err := login(t, address, me, "token 1"); err == nil {
		t.Fatal("a terminal that never enrolled is let in")
	}
	must(t, enrolled("device", "token 1"))
	c, lost, err := login(t, address, me, "token 1")
	must(t, err)
	sub := c.SubscribeMultiple(map[string]byte{protocol.CommandTopic(me): 1, protocol.ReportFilter: 1}, nil)
	if !sub.WaitTimeout(patience) || sub.Error() != nil {
		t.Fatal("no answer to SUBSCRIBE", sub.Error())
	}
	granted := sub.(*paho.SubscribeToken).Result()
	if granted[protocol.CommandTopic(me)] != 1 || granted[protocol.ReportFilter] != 0x80 {
		t.Errorf("granted %v", granted)
	}

	// A new token: the session of the old one is cut.
	must(t, enrolled("device", "token 2"))
	must(t, kicker.Provision(t.Context(), me, "token 2"))
	gone(t, lost, time.Now())
	if _, _, err := login(t, address, me, "token 1"); err == nil {
		t.Error("the old token lets in")
	}
	_, lost, err = login(t, address, me, "token 2")
	must(t, err)

	// The nodes of a cluster: whichever answers will do.
	kicker.URLs = []string{"mqtt://127.0.0.1:1", "mqtt://" + address}
	begun := time.Now()
	must(t, registrar.Unenrol(t.Context(), me, "cli"))
	gone(t, lost, begun)
	if _, _, err := login(t, address, me, "token 2"); err == nil {
		t.Error("a revoked terminal comes back")
	}

	// A kicker that nobody believes, or that nobody answers, says so.
	for name, k := range map[string]*brokerauth.Kicker{
		"another secret": {URLs: []string{"mqtt://" + address}, Secret: "another secret of tests"},
		"nobody there":   {URLs: []string{"mqtt://127.0.0.1:1"}, Secret: secret},
		"no broker":      {URLs: []string{"http://" + address}, Secret: secret},
	} {
		if err := k.Revoke(t.Context(), me); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := kicker.Revoke(t.Context(), protocol.Identity{}); err == nil {
		t.Error("nobody was kicked")
	}
}

func gone(t *testing.T, lost chan struct{}, since time.Time) {
	t.Helper()
	select {
	case <-lost:
		if took := time.Since(since); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	case <-time.After(patience):
		t.Fatal("the session goes on")
	}
}

// TestABrokerThatDoesNotAnswer holds a kick up for no longer than its context.
func TestABrokerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	accepted := make(chan net.Conn, 1)
	go func() {
		if conn, err := l.Accept(); err == nil {
			accepted <- conn
		}
		close(accepted)
	}()
	defer func() {
		l.Close()
		for conn := range accepted {
			conn.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	k := &brokerauth.Kicker{URLs: []string{fmt.Sprint("mqtt://", l.Addr())}, Secret: secret}
	if err := k.Revoke(ctx, protocoltest.Identity); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
