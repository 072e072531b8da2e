package mqttlink_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

// TestParseBrokers: one address, or those of one cluster; a wrong one is a clear
// line that holds no password.
func TestParseBrokers(t *testing.T) {
	t.Parallel()
	var many []string
	for n := range 17 {
		many = append(many, fmt.Sprintf("mqtt://node-%d:1883", n))
	}
	const form = "want mqtt://HOST:PORT or mqtts://HOST:PORT, several separated by commas"
	for _, row := range []struct {
		list string
		want []string
		says string
	}{
		{list: "mqtt://broker:1883", want: []string{"mqtt://broker:1883"}},
		{list: "mqtts://broker.example:8883", want: []string{"mqtts://broker.example:8883"}},
		{list: "mqtt://[::1]:1883", want: []string{"mqtt://[::1]:1883"}},
		{list: "mqtt://a:1,mqtt://b:1, mqtt://c:1 ", want: []string{"mqtt://a:1", "mqtt://b:1", "mqtt://c:1"}},
		{list: "mqtt://a:1,mqtt://a:2", want: []string{"mqtt://a:1", "mqtt://a:2"}},
		{list: strings.Join(many[:16], ","), want: many[:16]},

		{list: "", says: form},
		{list: "broker:1883", says: form},
		{list: "mqtt://", says: form},
		{list: "mqtt://broker", says: form},
		{list: "mqtt://:1883", says: form},
		{list: "tcp://broker:1883", says: form},
		{list: "http://broker:1883", says: form},
		{list: "mqtt://broker:1883/", says: form},
		{list: "mqtt://broker:1883?x=1", says: form},
		{list: "mqtt://broker:port", says: form},
		{list: "mqtt://broker:0", says: form},
		{list: "mqtt://broker:65536", says: form},
		{list: "mqtt://user:secret-word@broker:1883", says: form},
		{list: "mqtt://a:1,", says: "address 2 of 2: " + form},
		{list: "mqtt://a:1;mqtt://b:1", says: form},
		{list: "mqtt://a:1,mqtt://user:secret-word@b:1", says: "address 2 of 2: " + form},
		{list: "mqtt://a:1,mqtt://b:1,mqtt://a:1", says: "mqtt://a:1 is there twice"},
		{list: "mqtts://a:1,mqtt://b:1", says: "want all addresses with mqtt:// or all with mqtts://, not some of each"},
		{list: "mqtt://a:1,mqtts://b:1", says: "want all addresses with mqtt:// or all with mqtts://, not some of each"},
		{list: strings.Join(many, ","), says: "want 16 addresses at most, not 17"},
	} {
		got, err := mqttlink.ParseBrokers(row.list)
		if !slices.Equal(got, row.want) || (err == nil) != (row.says == "") || err != nil && err.Error() != row.says {
			t.Errorf("%q: %q, %v", row.list, got, err)
		}
	}
	for _, urls := range [][]string{nil, {"mqtt://a:1", "nowhere"}} {
		if _, err := mqttlink.NewExternal(mqttlink.External{URLs: urls}); err == nil {
			t.Errorf("%q is taken", urls)
		}
	}
}

// nodes starts brokers that let everybody in. They are not a cluster: what is
// published at one is heard there alone.
func nodes(t *testing.T, count int) (servers []*testservers.Mosquitto, urls []string) {
	t.Helper()
	for range count {
		server, err := testservers.StartMosquitto(t.Context(), "", "allow_anonymous true\n")
		must(t, err)
		t.Cleanup(server.Stop)
		servers, urls = append(servers, server), append(urls, server.URL())
	}
	return servers, urls
}

// TestNextNode: whichever node a controller is at, when it dies the controller
// goes on to the others, and hears and speaks there; a node that comes back is
// one of them again.
func TestNextNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	servers, urls := nodes(t, 3)
	h := newHearer(w)
	link, _ := connectExternal(t, w, mqttlink.External{URLs: urls, Receive: h.hear})
	was := ""
	for round := range 4 {
		w.await(t, "connected to another node", func() bool { return link.Node() != "" && link.Node() != was })
		was = link.Node()
		at := slices.Index(urls, was)
		if at < 0 {
			t.Fatalf("connected to %s, which is none of %v", was, urls)
		}
		client := anybody(t, urls[at])
		message := fmt.Sprint("round ", round)
		say(t, client, protocol.ReportTopic(till(0)), message)
		w.await(t, "heard at "+was, func() bool { return h.times(message) == 1 })
		if round == 2 { // all others are dead by now, so one of them comes back
			must(t, servers[slices.Index(urls, h.killed[0])].Restart(t.Context()))
		}
		servers[at].Kill()
		w.await(t, "the node is lost", func() bool { return link.Node() != was })
		h.killed = append(h.killed, was)
	}
}

// TestFirstNode: controllers begin at a node that they draw, so that many of them
// spread over a cluster.
func TestFirstNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	_, urls := nodes(t, 2)
	seen := map[string]bool{}
	for range 64 { // one in 2^63 fails although all is well
		link, stop := connectExternal(t, w, mqttlink.External{URLs: urls, Receive: w.hear})
		seen[link.Node()] = true
		stop()
		if len(seen) == 2 {
			return
		}
	}
	t.Errorf("64 controllers are all at %v", seen)
}

// TestRefusedByOneNode: a node that refuses is passed over, and one that does not
// answer at all holds up nobody for long.
func TestRefusedByOneNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	closed, err := testservers.StartMosquitto(t.Context(), "", "allow_anonymous false\n")
	must(t, err)
	t.Cleanup(closed.Stop)
	_, open := nodes(t, 1)
	log := w.log.Handler().(*bell)
	for range 64 {
		log.forget()
		link, stop := connectExternal(t, w, mqttlink.External{
			URLs: []string{closed.URL(), "mqtt://127.0.0.1:1", open[0]}, Receive: w.hear,
		})
		if link.Node() != open[0] {
			t.Fatalf("connected to %s", link.Node())
		}
		stop()
		if log.said("not Authorized") && log.said("connection refused") {
			return // it began at the one that refuses
		}
	}
	t.Errorf("never tried the others")
}

// TestPauses: while there are nodes that have not been tried there is hardly a
// pause; after that they grow, and are bounded.
func TestPauses(t *testing.T) {
	t.Parallel()
	urls := []string{"mqtt://a:1", "mqtt://b:1", "mqtt://c:1"}
	link, err := mqttlink.NewExternal(mqttlink.External{URLs: urls})
	must(t, err)
	for failed, most := range []time.Duration{
		300, 300, 300, 300, 600, 600, 600, 1200, 1200, 1200, 2400, 2400, 2400, 4800, 4800, 4800, 7500, 7500, 7500, 7500,
	} {
		for range 100 {
			pause := link.Pause(failed)
			if pause > most*time.Millisecond || pause < most*time.Millisecond/3 {
				t.Fatalf("after %d failures: %v", failed, pause)
			}
		}
	}
	if got := link.Pause(1 << 40); got > 7500*time.Millisecond || got <= 0 {
		t.Errorf("a long outage: %v", got)
	}
}
