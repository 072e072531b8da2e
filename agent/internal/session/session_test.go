package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
)

// rig is a session with its controller at the other end, inside a bubble.
type rig struct {
	t    *testing.T
	ctrl *sessiontest.Controller
	s    *Session
	log  *lines
	stop func() // a power cut; it waits until everything is gone
}

// lines is a log that tests read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// idleStanding is a terminal that has nothing to say.
var idleStanding = Standing{Epoch: "epoch-1", AckSeq: 1, Mode: protocol.ModeIdle}

// bubble runs test with a session in fake time. Broker and session are stopped
// at the end; a goroutine that stays makes the bubble fail.
func bubble(t *testing.T, how sessiontest.Behaviour, test func(*testing.T, *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, ctrl: sessiontest.NewController(), log: &lines{}}
		r.ctrl.Broker.Behave(how)
		credentials, err := r.ctrl.Enrol("")
		if err != nil {
			t.Fatal(err)
		}
		r.s, err = New(Config{
			Credentials: credentials,
			Software:    "1.2.3",
			Panel:       "st7789",
			Dial:        r.ctrl.Broker.Dial,
			Log:         slog.New(slog.NewTextHandler(r.log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		r.s.Tell(idleStanding, false)
		go func() {
			defer close(done)
			r.s.Run(ctx)
		}()
		r.stop = sync.OnceFunc(func() {
			cancel()
			<-done
		})
		defer r.ctrl.Broker.Close()
		defer r.stop()
		synctest.Wait()
		test(t, r)
	})
}

// events are those since the last call, once everything has come to rest.
func (r *rig) events() []string {
	synctest.Wait()
	var all []string
	for _, ev := range r.s.Take() {
		switch ev := ev.(type) {
		case Up:
			all = append(all, "up")
		case Down:
			all = append(all, "down")
		case State:
			all = append(all, fmt.Sprintf("state %d answer %v", ev.State.Seq, ev.Answer))
		}
	}
	return all
}

func (r *rig) wantEvents(want ...string) {
	r.t.Helper()
	if got := r.events(); !slices.Equal(got, want) {
		r.t.Fatalf("events are %q, want %q", got, want)
	}
}

// ups are the messages so far, as text, without heartbeats.
func (r *rig) ups() []string {
	synctest.Wait()
	var all []string
	for _, up := range r.ctrl.Ups() {
		if rep := up.Report; rep != nil {
			text := string(rep.Type)
			for _, f := range rep.Facts {
				text += fmt.Sprintf(" %d:%s", f.N, f.Kind)
			}
			all = append(all, text)
		}
	}
	return all
}

// lastReport is the newest report or sync.
func (r *rig) lastReport() *protocol.Report {
	r.t.Helper()
	synctest.Wait()
	ups := slices.DeleteFunc(r.ctrl.Ups(), func(u protocol.Up) bool { return u.Report == nil })
	if len(ups) == 0 {
		r.t.Fatal("no report")
	}
	return ups[len(ups)-1].Report
}

func (r *rig) noWrong() {
	r.t.Helper()
	if wrong := r.ctrl.Wrong(); len(wrong) > 0 {
		r.t.Fatalf("the controller was told nonsense: %v", wrong)
	}
}

func TestConnect(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.wantEvents("up", "state 1 answer true")
		id := sessiontest.ID.String()
		c := r.ctrl.Broker.Connects()[0]
		if c.ClientIdentifier != id || c.Username != id || string(c.Password) != "token-256-bits" ||
			!c.CleanSession || c.Keepalive != 20 || c.ProtocolVersion != 4 {
			r.t.Fatalf("CONNECT is %+v", c)
		}
		if !c.WillFlag || c.WillRetain || c.WillQos != 1 || c.WillTopic != protocol.PresenceTopic(sessiontest.ID) {
			r.t.Fatalf("the last will is %+v", c)
		}
		sync := r.ctrl.Ups()[0].Report
		if sync == nil || sync.Type != protocol.TypeSync || sync.Nonce == "" || sync.Session == "" || sync.Epoch != "epoch-1" ||
			sync.AckSeq != 1 || sync.Mode != protocol.ModeIdle || sync.Software != "1.2.3" || sync.Panel != "st7789" {
			r.t.Fatalf("the first message is %+v", sync)
		}
		r.noWrong()
	})
}

// TestPowerCut: a session ends without a farewell, so that the broker publishes
// the last will of that very session; the next connection has another one.
func TestPowerCut(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		first := r.ctrl.Ups()[0].Report
		r.ctrl.Broker.Cut()
		time.Sleep(2 * time.Second)
		second := r.lastReport()
		if second.Type != protocol.TypeSync || second.Session == first.Session || second.Nonce == first.Nonce {
			r.t.Fatalf("after the cut: %+v", second)
		}
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took > time.Second {
			r.t.Errorf("it took %v to stop", took)
		}
		synctest.Wait()
		wills := r.ctrl.Wills()
		if len(wills) != 2 || wills[0].Session != first.Session || wills[1].Session != second.Session {
			r.t.Fatalf("wills are %+v", wills)
		}
		r.noWrong()
	})
}

// TestStopAtAnyMoment stops while connecting, waiting, and with a broker that
// does not react: always within a second, and nothing stays behind.
func TestStopAtAnyMoment(t *testing.T) {
	for name, how := range map[string]sessiontest.Behaviour{
		"good broker":   {},
		"unreachable":   {Unreachable: true},
		"black hole":    {BlackHole: true},
		"mute":          {Mute: true},
		"no suback":     {NoSuback: true},
		"no puback":     {NoPuback: true},
		"reads no more": {Deaf: true},
	} {
		for _, after := range []time.Duration{0, time.Millisecond, 700 * time.Millisecond, 4999 * time.Millisecond, 7 * time.Second} {
			t.Run(fmt.Sprint(name, " after ", after), func(t *testing.T) {
				bubble(t, how, func(t *testing.T, r *rig) {
					time.Sleep(after)
					begun := time.Now()
					r.stop()
					if took := time.Since(begun); took > time.Second {
						r.t.Fatalf("it took %v to stop", took)
					}
				})
			})
		}
	}
}

func TestADeadLinkIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		how    sessiontest.Behaviour
		within time.Duration
	}{
		"no acknowledgements": {sessiontest.Behaviour{NoPuback: true}, publishTimeout + time.Second},
		"reads no more":       {sessiontest.Behaviour{Deaf: true}, publishTimeout + 20*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
				r.wantEvents("up", "state 1 answer true")
				r.ctrl.Broker.Behave(c.how)
				time.Sleep(c.within + 18*time.Second) // the next heartbeat is due by then
				if r.events(); r.log.count("link lost") == 0 {
					t.Fatalf("nobody noticed:\n%s", r.log.b.String())
				}
			})
		})
	}
}

func TestLoginsThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		how  sessiontest.Behaviour
		says string
	}{
		"wrong token":       {sessiontest.Behaviour{Connack: 4}, "bad user name or password"},
		"revoked":           {sessiontest.Behaviour{Connack: 5}, "not Authorized"},
		"not granted":       {sessiontest.Behaviour{Suback: 0x80}, errNotGranted.Error()},
		"mute":              {sessiontest.Behaviour{Mute: true}, "connect: network Error"},
		"no suback":         {sessiontest.Behaviour{NoSuback: true}, "deadline exceeded"},
		"nobody there":      {sessiontest.Behaviour{Unreachable: true}, "dial: connection refused"},
		"packets disappear": {sessiontest.Behaviour{BlackHole: true}, "dial: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.how, func(t *testing.T, r *rig) {
				time.Sleep(time.Minute)
				r.wantEvents()
				if r.log.count(c.says) == 0 {
					t.Fatalf("the log has no %q:\n%s", c.says, r.log.b.String())
				}
				if n := r.log.count("went wrong"); n > 2 {
					t.Fatalf("%d lines in a minute", n)
				}
				// It heals by itself.
				r.ctrl.Broker.Behave(sessiontest.Behaviour{})
				time.Sleep(11 * time.Second)
				r.wantEvents("up", "state 1 answer true")
			})
		})
	}
}

func TestTwoBrokers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := startSilent(t)
		r.stop()
		r.ctrl.Broker.Close()
		var dialled []string
		r.s.cfg.Brokers = []string{"mqtt://one.example", "mqtts://two.example:999"}
		r.s.cfg.Dial = countDials(&dialled)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		r.s.Run(ctx)
		if len(dialled) < 4 {
			t.Fatalf("dialled %q", dialled)
		}
		for i, address := range dialled {
			if address != "one.example:1883" && address != "two.example:999" || i > 1 && address != dialled[i-2] || dialled[0] == dialled[1] {
				t.Fatalf("dialled %q", dialled)
			}
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	credentials, err := sessiontest.NewController().Enrol("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Credentials: credentials, Brokers: []string{"tcp://127.0.0.1:1883"}}); err == nil {
		t.Fatal("a broker of another scheme is fine")
	}
}

var errNobody = errors.New("nobody there")
