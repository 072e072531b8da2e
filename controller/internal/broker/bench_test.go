package broker_test

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

// stateBytes is how long a signed state is, about.
const stateBytes = 1200

// plainMosquitto lets anybody in.
func plainMosquitto(b *testing.B) *testservers.Mosquitto {
	b.Helper()
	mq, err := testservers.StartMosquitto(b.Context(), "", "allow_anonymous true\nset_tcp_nodelay true\n")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(mq.Stop)
	return mq
}

// crowdID is the nth terminal of a crowd.
func crowdID(n int) protocol.Identity {
	return protocol.Identity{MerchantID: "CROWD", StoreID: "shop", TerminalID: fmt.Sprint("till-", n)}
}

// crowdMember gives it a token.
func (w *world) crowdMember(n int) protocol.Identity {
	id := crowdID(n)
	w.tokens[id] = fmt.Sprintf("token-of-till-%08d-0123456789abcdef0123456789", n)
	return id
}

// listeners hear what is said to the first terminals of a crowd, and acknowledge it
// before they say so.
func listeners(b *testing.B, w *world, count int) (topics []string, heard chan struct{}) {
	b.Helper()
	heard = make(chan struct{}, 1024)
	for n := range count {
		id := w.crowdMember(n)
		topics = append(topics, protocol.CommandTopic(id))
		c := w.listen(b, id, nil)
		_ = c.SetDeadline(time.Time{})
		go func() {
			for {
				pk, err := c.next()
				if err != nil {
					return
				}
				if pk.FixedHeader.Type == packets.Publish {
					c.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: pk.PacketID})
					heard <- struct{}{}
				}
			}
		}()
	}
	return topics, heard
}

// speaker is a paho client of Mosquitto.
func speaker(b *testing.B, mq *testservers.Mosquitto) paho.Client {
	b.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + mq.Addr()).SetClientID("speaker").SetProtocolVersion(4).SetAutoReconnect(false))
	wait(b, c.Connect())
	b.Cleanup(func() { c.Disconnect(0) })
	return c
}

func wait(b *testing.B, t paho.Token) {
	b.Helper()
	if !t.WaitTimeout(patience) || t.Error() != nil {
		b.Fatal("paho: ", t.Error())
	}
}

// BenchmarkDeliver is the way of a command to a terminal, QoS 1: published in the
// process of the embedded broker, and by a paho client over Mosquitto, in turn. The
// goal is at most 0.8 times the latency at the median, and at least 1.7 times the
// messages a second (performance: controller to terminal).
func BenchmarkDeliver(b *testing.B) {
	payload := bytes.Repeat([]byte("s"), stateBytes)
	w := start(b, nil)
	// As many under way as terminals: each has one at a time.
	const window = 16
	topics, heardOurs := listeners(b, w, window)
	mq := plainMosquitto(b)
	_, heardTheirs := listeners(b, &world{addr: mq.Addr(), tokens: map[protocol.Identity]string{}}, window)
	theirMouth := speaker(b, mq)
	said := 0
	ours := func() {
		said++
		if err := w.Publish(topics[said%window], payload); err != nil {
			b.Fatal(err)
		}
	}
	theirs := func() {
		said++
		theirMouth.Publish(topics[said%window], 1, false, payload)
	}

	b.Run("latency", func(b *testing.B) {
		var first, second []time.Duration
		for b.Loop() {
			t0 := time.Now()
			ours()
			<-heardOurs
			t1 := time.Now()
			theirs()
			<-heardTheirs
			first, second = append(first, t1.Sub(t0)), append(second, time.Since(t1))
		}
		slices.Sort(first)
		slices.Sort(second)
		p50, reference := first[len(first)/2], second[len(second)/2]
		b.ReportMetric(float64(p50.Nanoseconds()), "ns-embedded")
		b.ReportMetric(float64(reference.Nanoseconds()), "ns-mosquitto")
		b.ReportMetric(0, "ns/op")
	})
	for _, each := range []struct {
		name  string
		say   func()
		heard <-chan struct{}
	}{{"embedded", ours, heardOurs}, {"mosquitto", theirs, heardTheirs}} {
		b.Run("throughput/"+each.name, func(b *testing.B) {
			open := 0
			for b.Loop() {
				if open == window {
					<-each.heard
					open--
				}
				each.say()
				open++
			}
			for ; open > 0; open-- {
				<-each.heard
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// crowd is how many terminals the next benchmark connects: both ends of their
// sockets are in this process, which may open some 20,000 files.
const crowd = 4000

// BenchmarkCrowd connects and subscribes a crowd of terminals, to the embedded
// broker with their tokens, and to a Mosquitto that lets anybody in; and says what an
// idle one costs the embedded broker, and how much more all of them do once they have
// come back (performance: idle terminals; connect and subscribe). The client's ends of
// the sockets are in the figure: they are in this process.
func BenchmarkCrowd(b *testing.B) {
	join := func(b *testing.B, w *world, id protocol.Identity) *raw {
		c, err := net.DialTimeout("tcp", w.addr, patience)
		if err != nil {
			b.Error(err)
			return nil
		}
		member := &raw{Conn: c, t: b}
		member.send(w.connectOf(id, func(pk *packets.Packet) { pk.Connect.Keepalive = 120 }))
		if code := member.connack(); code != 0 {
			b.Errorf("refused: %d", code)
		}
		if code := member.subscribe(1, protocol.CommandTopic(id)); code != 1 {
			b.Errorf("not subscribed: %d", code)
		}
		return member
	}
	crowdOf := func(b *testing.B, w *world) (time.Duration, []*raw) {
		members, work := make([]*raw, crowd), make(chan int, crowd)
		for n := range crowd {
			w.crowdMember(n)
			work <- n
		}
		close(work)
		var joining sync.WaitGroup
		begin := time.Now()
		for range 16 {
			joining.Go(func() {
				for n := range work {
					members[n] = join(b, w, crowdID(n))
				}
			})
		}
		joining.Wait()
		if b.Failed() {
			b.FailNow()
		}
		return time.Since(begin), members
	}
	leave := func(members []*raw) {
		for _, c := range members {
			_ = c.Close()
		}
	}
	b.Run("embedded", func(b *testing.B) {
		for b.Loop() {
			w := start(b, nil)
			nobody := heap()
			took, members := crowdOf(b, w)
			before := heap() - nobody
			leave(members)
			until(b, "nobody is there", func() bool { return w.Stats().Terminals == 0 })
			_, members = crowdOf(b, w)
			after := heap() - nobody
			leave(members)
			b.ReportMetric(took.Seconds(), "s/crowd")
			b.ReportMetric(float64(before)/crowd/1024, "KB/terminal")
			b.ReportMetric(float64(after)/float64(before), "times-after-reconnect")
		}
	})
	b.Run("mosquitto", func(b *testing.B) {
		for b.Loop() {
			mq := plainMosquitto(b)
			took, members := crowdOf(b, &world{addr: mq.Addr(), tokens: map[protocol.Identity]string{}})
			leave(members)
			mq.Stop()
			b.ReportMetric(took.Seconds(), "s/crowd")
		}
	})
	b.Run("sockets", func(b *testing.B) { // what both ends of a socket cost, and a goroutine
		for b.Loop() {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			before := heap()
			var ends []net.Conn
			for range crowd {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				s, err := l.Accept()
				if err != nil {
					b.Fatal(err)
				}
				go func() { _, _ = s.Read(make([]byte, 1)) }()
				ends = append(ends, c, s)
			}
			b.ReportMetric(float64(heap()-before)/crowd/1024, "KB/terminal")
			for _, c := range ends {
				_ = c.Close()
			}
			_ = l.Close()
		}
	})
}

// heap is what is in use, stacks too, at rest: each collection halves a stack that
// has become too large.
func heap() int64 {
	for range 6 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
