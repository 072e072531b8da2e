package session

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
)

// paid is the state that a thief would like to send.
func paid(seq uint64) protocol.State {
	return protocol.State{
		Header: protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: sessiontest.ID},
		Seq:    seq,
		Result: &protocol.Result{PaymentID: "A", MerchantTransactionID: "M-A", AmountPaise: 24500, Outcome: protocol.OutcomeSucceeded},
	}
}

func sign(t *testing.T, k protocol.SigningKey, p protocol.Purpose, m any) []byte {
	t.Helper()
	text, err := k.Sign(p, m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (r *rig) publish(text []byte) {
	r.t.Helper()
	if !r.ctrl.Broker.Publish(protocol.CommandTopic(sessiontest.ID), text) {
		r.t.Fatal("the terminal is not connected")
	}
}

// TestForgedStates: nothing but the untouched statement of an online key, for
// this terminal, reaches the event loop (failure matrix T1, T6).
func TestForgedStates(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.wantEvents("up", "state 1 answer true")
		online, topic := r.ctrl.Online, protocol.CommandTopic(sessiontest.ID)
		good := sign(t, online, protocol.PurposeDown, paid(7))
		parts := strings.Split(string(good), ".")
		others := paid(7)
		others.Identity.TerminalID = "testterminal2"
		later := paid(7)
		later.V = protocol.Version + 1
		heartbeat := protocol.Heartbeat{Header: paid(7).Header}
		heartbeat.Type = protocol.TypeHeartbeat
		renamed := sessiontest.Key("thief")
		renamed.ID = online.ID
		other := sign(t, online, protocol.PurposeDown, paid(8))
		for name, text := range map[string][]byte{
			"nothing":                 {},
			"plain JSON":              []byte(`{"v":1,"type":"state","seq":99}`),
			"a stranger's key":        sign(t, sessiontest.Key("thief"), protocol.PurposeDown, paid(7)),
			"a stranger's, renamed":   sign(t, renamed, protocol.PurposeDown, paid(7)),
			"the root key":            sign(t, r.ctrl.Root, protocol.PurposeDown, paid(7)),
			"this device's own key":   sign(t, r.s.cfg.Credentials.Key, protocol.PurposeDown, paid(7)),
			"signed as an up message": sign(t, online, protocol.PurposeUp, paid(7)),
			"signed as a key set":     sign(t, online, protocol.PurposeKeys, paid(7)),
			"another terminal's":      sign(t, online, protocol.PurposeDown, others),
			"another version's":       sign(t, online, protocol.PurposeDown, later),
			"another type":            sign(t, online, protocol.PurposeDown, heartbeat),
			"payload of another":      []byte(parts[0] + "." + strings.Split(string(other), ".")[1] + "." + parts[2]),
			"no signature":            []byte(parts[0] + "." + parts[1] + "."),
			"alg none":                []byte("eyJhbGciOiJub25lIiwidHlwIjoiZ2FsbGEtZG93biJ9." + parts[1] + "."),
			"cut short":               good[:len(good)-2],
			"something behind it":     append(append([]byte(nil), good...), '.'),
		} {
			r.publish(text)
			if got := r.events(); len(got) > 0 {
				t.Errorf("%s: the event loop hears %q", name, got)
			}
		}
		if r.ctrl.Broker.Publish("galla/v1/"+sessiontest.ID.String()+"/other", good); len(r.events()) > 0 {
			t.Error("another topic's message is heard")
		}
		retained := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		retained.TopicName, retained.Payload, retained.Retain, retained.Qos, retained.MessageID = topic, good, true, 1, 1
		if r.ctrl.Broker.PublishPacket(retained); len(r.events()) > 0 {
			t.Error("a retained message is heard")
		}
		r.publish(good) // the good one works
		r.wantEvents("state 7 answer false")
		if n := r.log.count("went wrong"); n != 1 {
			t.Errorf("%d lines in no time:\n%s", n, r.log.b.String())
		}
		time.Sleep(61 * time.Second)
		r.publish(nil)
		if r.events(); r.log.count("went wrong") != 2 || r.log.count("total=19") != 1 {
			t.Errorf("the log does not tell how many were ignored:\n%s", r.log.b.String())
		}
		if strings.Contains(r.log.b.String(), "M-A") || strings.Contains(r.log.b.String(), parts[1]) {
			t.Error("the log repeats what a thief wrote")
		}
	})
}

// TestEveryByteFlipped: a signed state with any one byte changed in any of 8
// bits is not heard, unless it still says the same.
func TestEveryByteFlipped(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.wantEvents("up", "state 1 answer true")
		good := sign(t, r.ctrl.Online, protocol.PurposeDown, paid(7))
		for at := range good {
			for bit := range 8 {
				text := append([]byte(nil), good...)
				text[at] ^= 1 << bit
				r.publish(text)
				synctest.Wait()
				for _, ev := range r.s.Take() {
					// The last character of a base64 text has bits that mean nothing.
					if s, ok := ev.(State); !ok || s.State.Seq != 7 || *s.State.Result != *paid(7).Result || at != len(good)-1 {
						t.Fatalf("byte %d bit %d: %#v", at, bit, ev)
					}
				}
			}
		}
	})
}

// TestUnknownKey: the state is asked for, at most every two seconds, until a new
// key set comes; then the new key is believed and the old one is not (failure
// matrix R18).
func TestUnknownKey(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.wantEvents("up", "state 1 answer true")
		next := sessiontest.Key("next online")
		for range 100 {
			r.publish(sign(t, next, protocol.PurposeDown, paid(7)))
			time.Sleep(100 * time.Millisecond)
		}
		syncs := 0
		for _, text := range r.ups() {
			syncs += strings.Count(text, "sync")
		}
		if syncs < 4 || syncs > 1+10/2+1 {
			t.Errorf("asked %d times in ten seconds", syncs)
		}
		time.Sleep(10 * time.Second)
		r.events()
		set, err := protocol.SignKeySet(r.ctrl.Root, 2, next.Private.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		r.publish(set)
		r.publish(sign(t, next, protocol.PurposeDown, paid(8)))
		r.publish(sign(t, r.ctrl.Online, protocol.PurposeDown, paid(9)))
		r.wantEvents("state 8 answer false")
	})
}

// TestFlood: a controller gone mad sends a thousand states at once. The event
// loop finds the newest, and the connection lives.
func TestFlood(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.wantEvents("up", "state 1 answer true")
		for seq := uint64(2); seq <= 1001; seq++ {
			r.publish(sign(t, r.ctrl.Online, protocol.PurposeDown, paid(seq)))
			if seq%16 == 0 {
				synctest.Wait() // the broker's own queue is short
			}
		}
		r.wantEvents("state 1001 answer false")
		time.Sleep(time.Minute)
		r.wantEvents()
	})
}

// TestManyFacts: a spool full of facts goes up in reports that fit.
func TestManyFacts(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		is := idleStanding
		for n := uint64(1); n <= 200; n++ {
			is.Facts = append(is.Facts, protocol.Fact{N: n, Kind: protocol.FactRefused,
				PaymentID: strings.Repeat("p", 64), Reason: strings.Repeat("R", 100)})
		}
		r.s.Tell(is, false)
		for range 30 {
			time.Sleep(time.Second)
			synctest.Wait()
			for _, ev := range r.s.Take() {
				s, ok := ev.(State)
				for ok && s.State.Epoch == is.Epoch && len(is.Facts) > 0 && is.Facts[0].N <= s.State.AckSeq {
					is.Facts = is.Facts[1:]
				}
			}
			r.s.Tell(is, false)
		}
		if got := len(r.ctrl.Facts()); got != 200 || len(is.Facts) != 0 {
			t.Fatalf("%d facts came, %d still wait", got, len(is.Facts))
		}
		r.noWrong()
		for _, text := range r.ups() {
			if n := strings.Count(text, ":refused"); n > maxFacts {
				t.Errorf("%d facts in one report", n)
			}
		}
	})
}

// TestFramer feeds bytes in every way of cutting them: what an honest broker
// sends passes, what would harm the library does not.
func TestFramer(t *testing.T) {
	t.Parallel()
	publish := func(n int) []byte {
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.TopicName, p.Qos, p.MessageID, p.Payload = protocol.CommandTopic(sessiontest.ID), 1, 7, make([]byte, n)
		var b strings.Builder
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		return []byte(b.String())
	}
	honest := [][]byte{
		{0x20, 2, 0, 0}, {0x90, 3, 0, 1, 1}, {0x40, 2, 0, 1}, {0xd0, 0},
		publish(0), publish(100), publish(protocol.MaxMessage),
	}
	var all []byte
	for _, p := range honest {
		all = append(all, p...)
	}
	for _, size := range []int{1, 2, 3, 7, 4096, len(all)} {
		var f framer
		for at := 0; at < len(all); at += size {
			if err := f.see(all[at:min(at+size, len(all))]); err != nil {
				t.Fatalf("in pieces of %d, at %d: %v", size, at, err)
			}
		}
		if f.length != 0 || f.inHead {
			t.Fatalf("in pieces of %d it ends within a packet", size)
		}
	}
	for name, raw := range map[string][]byte{
		"message too long":    publish(maxPacket)[:10],
		"length of 256 MB":    {0x30, 0xff, 0xff, 0xff, 0x7f},
		"endless length":      {0x30, 0xff, 0xff, 0xff, 0xff},
		"SUBACK of two codes": {0x90, 4, 0, 1, 1, 1},
		"SUBACK of none":      {0x90, 2, 0, 1},
		"long PUBACK":         {0x40, 3, 0, 1, 0},
		"CONNECT":             {0x10, 0},
		"PUBREC":              {0x50, 2, 0, 1},
		"type 0":              {0x00, 0},
		"type 15":             {0xf0, 0},
	} {
		var f framer
		if err := f.see(append(append([]byte(nil), all...), raw...)); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestABrokerGoneMad: the connection ends, the agent does not.
func TestABrokerGoneMad(t *testing.T) {
	for _, raw := range [][]byte{
		{0x90, 4, 0, 1, 1, 1},                      // SUBACK with more codes than topics
		{0x30, 0xff, 0xff, 0xff, 0x7f},             // 256 MB are announced
		{0x30, 5, 0, 200, 'a', 'b', 'c'},           // a topic beyond the packet's end
		{0x32, 2, 0, 0},                            // no room for a message id
		{0x36, 4, 0, 0, 0, 1},                      // QoS 3
		{0xe0, 0},                                  // DISCONNECT
		[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), // not MQTT at all
	} {
		t.Run(fmt.Sprintf("% x", raw[:2]), func(t *testing.T) {
			bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
				r.wantEvents("up", "state 1 answer true")
				r.ctrl.Broker.SendRaw(raw)
				time.Sleep(20 * time.Second)
				if !r.ctrl.Broker.Connected() {
					t.Fatal("it does not come back")
				}
				r.ctrl.Want(func(*protocol.State) {})
				if got := r.events(); len(got) == 0 || got[len(got)-1] != "state 2 answer false" {
					t.Fatalf("events are %q", got)
				}
			})
		})
	}
}
