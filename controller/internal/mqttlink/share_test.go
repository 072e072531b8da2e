package mqttlink_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/mosquitto"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/protocol"
)

// hearer writes down what an External hears.
type hearer struct {
	*news
	heard  map[string]int // payloads; guarded by news.mu
	killed []string
}

func newHearer(w *world) *hearer { return &hearer{news: w.news, heard: map[string]int{}} }

func (h *hearer) hear(_ string, payload []byte) {
	h.mu.Lock()
	h.heard[string(payload)]++
	h.mu.Unlock()
	h.ring()
}

func (h *hearer) times(payload string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heard[payload]
}

// all is how many messages were heard, repeats counted.
func (h *hearer) all() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, times := range h.heard {
		n += times
	}
	return n
}

// anybody is a client of a broker that lets everybody in.
func anybody(t *testing.T, url string) paho.Client {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker(strings.Replace(url, "mqtt://", "tcp://", 1)).
		SetClientID(rand.Text()).SetUsername("anybody").SetProtocolVersion(4).SetAutoReconnect(false).
		SetConnectTimeout(patience).SetWriteTimeout(patience))
	answered(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(250) })
	return c
}

func answered(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("no answer")
	}
	must(t, token.Error())
}

func say(t *testing.T, c paho.Client, topic, payload string) {
	t.Helper()
	answered(t, c.Publish(topic, 1, false, payload))
}

// TestShared: where the broker delivers shared subscriptions, each report and each
// last will is handled by one controller alone, and none is lost when a
// controller leaves (DESIGN section 4).
func TestShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	_, urls := nodes(t, 1)
	const controllers, messages = 3, 300
	heard := newHearer(w) // by all of them
	var own [controllers]*hearer
	var links [controllers]*mqttlink.External
	var stop [controllers]func()
	for n := range controllers {
		own[n] = newHearer(w)
		links[n], stop[n] = connectExternal(t, w, mqttlink.External{
			URLs: urls, ShareGroup: mosquitto.ShareGroup,
			Receive: func(topic string, payload []byte) { own[n].hear(topic, payload); heard.hear(topic, payload) },
		})
		w.await(t, "the reports are shared", links[n].Shared)
	}
	client := anybody(t, urls[0])
	tell := func(what string) {
		t.Helper()
		for n := range messages {
			topic := protocol.ReportTopic(till(n))
			if n%10 == 0 {
				topic = protocol.PresenceTopic(till(n))
			}
			say(t, client, topic, fmt.Sprint(what, n))
		}
	}
	tell("all ")
	w.await(t, "everything is heard", func() bool { return heard.all() >= messages })
	for n := range controllers {
		if own[n].all() == 0 {
			t.Errorf("controller %d hears nothing", n)
		}
	}
	stop[0]()
	tell("without the first ")
	w.await(t, "everything is heard by the others", func() bool { return heard.all() >= 2*messages })
	// One that stops takes nothing more, and can say what it has still to say.
	must(t, links[2].Leave(t.Context()))
	before := own[2].all()
	tell("the second alone ")
	w.await(t, "everything is heard by the last", func() bool { return heard.all() >= 3*messages })
	if err := links[2].Publish(protocol.CommandTopic(till(1)), nil); err != nil || own[2].all() != before {
		t.Errorf("one that has left hears %d more, and publishes: %v", own[2].all()-before, err)
	}
	for payload, times := range heard.heard {
		if times != 1 {
			t.Errorf("%q is heard %d times", payload, times)
		}
	}
	if got := len(heard.heard); got != 3*messages {
		t.Errorf("%d messages are heard, not %d: the probes are no reports", got, 3*messages)
	}
}

// TestHalfShared: while one controller shares and another does not, as an update
// of them does it, both handle a report, which counts once.
func TestHalfShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	v := openMosquitto(t, w).(*existing) // its own connection hears the plain way
	var to mqttlink.Publisher = v
	w.mouth.to.Store(&to)
	w.start()
	first := w.link.Load()
	w.start()
	second := w.link.Load()
	must(t, v.admin.EnsureController(t.Context(), "second-controller", "second-password"))
	sharing, _ := connectExternal(t, w, mqttlink.External{
		URLs: []string{v.server.URL()}, Username: "second-controller", Password: "second-password",
		ShareGroup: mosquitto.ShareGroup, Receive: second.Receive,
	})
	w.link.Store(first)
	w.await(t, "one of them shares", sharing.Shared)
	if v.Shared() {
		t.Fatal("the other shares too")
	}
	g := join(t, w, v, till(1))
	p := w.sale(t, g.id, "A")
	s := g.offered(p.ID)
	g.report(s.Seq, fact(1, protocol.FactReceived, p.ID))
	g.report(s.Seq, fact(1, protocol.FactReceived, p.ID), fact(2, protocol.FactPresented, p.ID))
	w.await(t, "both have heard both reports", func() bool { return w.counted("report")+w.counted("report_replaced") == 4 })
	g.acked(2)
	if got, want := w.story(t, p.ID), "init handed_over presented"; got != want {
		t.Errorf("events %q, want %q", got, want)
	}
}

// peculiar is a broker that lets everybody in and has its own idea of shared
// subscriptions.
type peculiar struct {
	mochi.HookBase
	deaf    bool // takes them, and delivers nothing to them, as NATS does
	refuses bool // refuses them
	cuts    bool // takes them, and ends the connection that publishes to a topic it does not know
}

func (p *peculiar) ID() string { return "peculiar" }

func (p *peculiar) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnSelectSubscribers
}

func (p *peculiar) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (p *peculiar) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	switch {
	case p.refuses && strings.HasPrefix(topic, "$share/"):
		return false
	case p.cuts && write && strings.Contains(topic, "probe"):
		return false
	}
	return true
}

func (p *peculiar) OnSelectSubscribers(subs *mochi.Subscribers, _ packets.Packet) *mochi.Subscribers {
	if p.deaf {
		subs.Shared = nil
	}
	return subs
}

// open starts it and returns its address.
func (p *peculiar) open(t *testing.T) string {
	t.Helper()
	b := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	must(t, b.AddHook(p, nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, b.AddListener(listeners.NewNet("tests", l)))
	must(t, b.Serve())
	t.Cleanup(func() { must(t, b.Close()) })
	return "mqtt://" + l.Addr().String()
}

// TestNotShared: where shared subscriptions do not deliver, every controller hears
// every report, the log says why, and nothing else suffers.
func TestNotShared(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		broker peculiar
		group  string
		says   string // in the log
	}{
		"it takes them and delivers nothing": {peculiar{deaf: true}, "galla", "the broker takes shared subscriptions and delivers nothing to them"},
		"it refuses them":                    {peculiar{refuses: true}, "galla", "the broker refused the subscription to $share/galla/galla/v1/probe-"},
		"it cuts the connection that tries":  {peculiar{cuts: true}, "galla", "connection to the broker lost"},
		"it does, and nobody asked for it":   {peculiar{}, "", "connected to the broker"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 0)
			url := row.broker.open(t)
			log := w.log.Handler().(*bell)
			var links [2]*mqttlink.External
			var hearers [2]*hearer
			for n := range links {
				hearers[n] = newHearer(w)
				links[n], _ = connectExternal(t, w, mqttlink.External{
					URLs: []string{url}, ShareGroup: row.group, Receive: hearers[n].hear,
				})
				w.await(t, "the log says why", func() bool { return log.said(row.says) })
				w.await(t, "connected, or again", links[n].Connected)
				log.forget()
			}
			// One that was cut off does not try it again on its next connection.
			client := anybody(t, url)
			limit := time.Now().Add(patience)
			for sent := 0; hearers[0].all() == 0 || hearers[1].all() == 0; sent++ {
				if time.Now().After(limit) {
					t.Fatal("a controller hears nothing")
				}
				message := fmt.Sprint("report ", sent)
				say(t, client, protocol.ReportTopic(till(sent)), message)
				if links[0].Connected() && links[1].Connected() && sent > 100 {
					w.await(t, "both hear it", func() bool { return hearers[0].times(message) > 0 && hearers[1].times(message) > 0 })
				}
			}
			for n, link := range links {
				if link.Shared() {
					t.Errorf("controller %d believes that it shares", n)
				}
			}
		})
	}
}
