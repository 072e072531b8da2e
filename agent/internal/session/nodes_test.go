package session

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
)

// cluster is several nodes that all lead to one controller.
type cluster struct {
	*rig
	mu      sync.Mutex
	away    map[string]dialling
	dialled []dial
	at      string // the node that answered last
}

// dial is one try, and when it was.
type dial struct {
	node string
	at   time.Time
}

// dialling is how a node that is gone answers.
type dialling string

const (
	refuses  dialling = "refuses"  // the process is gone
	swallows dialling = "swallows" // the machine is gone
	elects   dialling = "elects"   // it is there, and lets nobody in
)

// Dial is Config.Dial.
func (c *cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	c.dialled = append(c.dialled, dial{"mqtt://" + address, time.Now()})
	how := c.away["mqtt://"+address]
	if how == "" {
		c.at = "mqtt://" + address
	}
	c.mu.Unlock()
	switch how {
	case "":
		c.ctrl.Broker.Behave(sessiontest.Behaviour{}) // this one says something
	case refuses:
		return nil, errNobody
	case swallows:
		<-ctx.Done()
		return nil, ctx.Err()
	case elects:
		c.ctrl.Broker.Behave(sessiontest.Behaviour{Mute: true})
	}
	return c.ctrl.Broker.Dial(ctx, network, address)
}

// lose takes a node away; the connection at it breaks.
func (c *cluster) lose(node string, how dialling) {
	c.mu.Lock()
	c.away[node] = how
	at := c.at
	c.mu.Unlock()
	if at == node {
		c.ctrl.Broker.Cut()
	}
}

func (c *cluster) returns(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.away, node)
}

// tries are those since the last call.
func (c *cluster) tries() []dial {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	tries := c.dialled
	c.dialled = nil
	return tries
}

var threeNodes = []string{"mqtt://a.example:1883", "mqtt://b.example:1883", "mqtt://c.example:1883"}

// overCluster runs test with a session that was told of threeNodes, in fake time;
// some of them are away when the terminal is switched on. own is its order.
func overCluster(t *testing.T, away map[string]dialling, test func(t *testing.T, c *cluster, own []string)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{rig: &rig{t: t, ctrl: sessiontest.NewController(), log: &lines{}}, away: away}
		credentials, err := c.ctrl.Enrol("")
		if err != nil {
			t.Fatal(err)
		}
		c.s, err = New(Config{
			Credentials: credentials, Brokers: threeNodes, Dial: c.Dial, Log: slog.New(slog.NewTextHandler(c.log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		c.s.Tell(idleStanding, false)
		go func() {
			defer close(done)
			c.s.Run(ctx)
		}()
		defer c.ctrl.Broker.Close()
		defer func() {
			cancel()
			<-done
		}()
		test(t, c, ordered(sessiontest.ID, threeNodes))
	})
}

// wantTries demands whom the terminal has tried, and that the last was no later
// than within after from.
func (c *cluster) wantTries(from time.Time, within time.Duration, want ...string) {
	c.t.Helper()
	tries := c.tries()
	var got []string
	for _, d := range tries {
		got = append(got, d.node)
	}
	if !slices.Equal(got, want) {
		c.t.Fatalf("it tried %q, want %q", got, want)
	}
	if last := tries[len(tries)-1].at.Sub(from); last > within {
		c.t.Fatalf("the last try came after %v, want %v", last, within)
	}
}

// TestALostNodeLeadsToTheNext: within a second (DESIGN 3.3), and to every other one
// before the first is tried again; with one that works the terminal stays, although
// those before it are back.
func TestALostNodeLeadsToTheNext(t *testing.T) {
	overCluster(t, map[string]dialling{}, func(t *testing.T, c *cluster, own []string) {
		begun := time.Now()
		time.Sleep(10 * time.Minute)
		c.wantEvents("up", "state 1 answer true")
		c.wantTries(begun, 0, own[0])

		lost := time.Now()
		c.lose(own[0], refuses)
		time.Sleep(10 * time.Minute)
		c.wantEvents("down", "up", "state 1 answer true")
		c.wantTries(lost, time.Second, own[1])

		c.returns(own[0])
		time.Sleep(10 * time.Minute)
		c.wantEvents()
		c.lose(own[2], refuses)
		lost = time.Now()
		c.lose(own[1], refuses)
		time.Sleep(10 * time.Minute)
		c.wantEvents("down", "up", "state 1 answer true")
		c.wantTries(lost, 2*time.Second, own[2], own[0])
	})
}

// TestAMachineThatIsGone: without a word, and the terminal has nothing to say. That is
// noticed, and another node found, within 30 s; past one that is gone, too.
func TestAMachineThatIsGone(t *testing.T) {
	for name, noDots := range map[string]bool{"at NATS": true, "at others": false} {
		t.Run(name, func(t *testing.T) {
			overCluster(t, map[string]dialling{}, func(t *testing.T, c *cluster, own []string) {
				c.ctrl.Broker.Behave(sessiontest.Behaviour{NoDots: noDots})
				for i := range 15 {
					time.Sleep(time.Minute + time.Duration(i)*time.Second)
					c.wantLink(true)
					c.mu.Lock()
					at := c.at
					c.away = map[string]dialling{at: swallows}
					c.mu.Unlock()
					c.ctrl.Broker.Behave(sessiontest.Behaviour{Mute: true})
					gone := time.Now()
					for c.tries(); ; time.Sleep(100 * time.Millisecond) {
						if tries := c.tries(); len(tries) > 0 {
							if took := tries[0].at.Sub(gone); took > 30*time.Second || tries[0].node == at {
								t.Fatalf("time %d: it tries %s after %v", i, tries[0].node, took)
							}
							break
						}
					}
				}
			})
		})
	}
}

// wantLink demands that the terminal has a link now, or none.
func (c *cluster) wantLink(want bool) {
	c.t.Helper()
	synctest.Wait()
	if got := c.ctrl.Broker.Connected(); got != want {
		c.t.Fatalf("connected: %v", got)
	}
}

// TestAClusterThatElects: a node is killed, and the others let nobody in until they have
// agreed on what it did: NATS, for up to 9 s, and as long again where they do not agree
// at once. They are asked without a pause, and the terminal is back within 30 s.
func TestAClusterThatElects(t *testing.T) {
	for seconds := range 20 {
		t.Run(fmt.Sprint(seconds, " s"), func(t *testing.T) {
			overCluster(t, map[string]dialling{}, func(t *testing.T, c *cluster, own []string) {
				time.Sleep(time.Minute)
				c.wantEvents("up", "state 1 answer true")
				election := time.Duration(seconds) * time.Second
				c.lose(own[1], elects)
				c.lose(own[2], elects)
				lost := time.Now()
				c.lose(own[0], refuses)
				time.Sleep(election)
				c.returns(own[1])
				c.returns(own[2])
				for synctest.Wait(); !c.ctrl.Broker.Connected(); synctest.Wait() {
					time.Sleep(100 * time.Millisecond)
				}
				if took := time.Since(lost); took > 30*time.Second || took > election+connectTimeout+time.Second {
					t.Errorf("back after %v", took)
				}
			})
		})
	}
}

// TestANodeThatIsGoneForEver: it is known, and tried last, after the one that was just
// lost.
func TestANodeThatIsGoneForEver(t *testing.T) {
	own := ordered(sessiontest.ID, threeNodes)
	overCluster(t, map[string]dialling{own[0]: swallows}, func(t *testing.T, c *cluster, _ []string) {
		time.Sleep(10 * time.Minute)
		c.wantEvents("up", "state 1 answer true")
		c.tries()
		at := own[1]
		for range 10 {
			next := own[3-slices.Index(own, at)] // the other one that is there
			lost := time.Now()
			c.ctrl.Broker.Cut()
			time.Sleep(10 * time.Minute)
			c.wantEvents("down", "up", "state 1 answer true")
			c.wantTries(lost, time.Second, next)
			at = next
		}
		lost := time.Now()
		c.returns(own[0])
		c.lose(own[3-slices.Index(own, at)], refuses)
		c.lose(at, refuses)
		time.Sleep(10 * time.Minute)
		c.wantEvents("down", "up", "state 1 answer true")
		c.wantTries(lost, 3*time.Second, own[3-slices.Index(own, at)], at, own[0])
	})
}

// TestNodesThatAreAwayAtPowerOn: the first of its order that answers is found, past
// nodes that refuse, at one a second, and past one that swallows in 5 s.
func TestNodesThatAreAwayAtPowerOn(t *testing.T) {
	own := ordered(sessiontest.ID, threeNodes)
	for name, c := range map[string]struct {
		away   map[string]dialling
		tries  []string
		within time.Duration
	}{
		"the first refuses":  {map[string]dialling{own[0]: refuses}, own[:2], time.Second},
		"two refuse":         {map[string]dialling{own[0]: refuses, own[1]: refuses}, own, 2 * time.Second},
		"the first swallows": {map[string]dialling{own[0]: swallows}, own[:2], connectTimeout},
		"two swallow":        {map[string]dialling{own[0]: swallows, own[1]: swallows}, own, 2 * connectTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			overCluster(t, c.away, func(t *testing.T, r *cluster, _ []string) {
				begun := time.Now()
				time.Sleep(time.Minute)
				r.wantEvents("up", "state 1 answer true")
				r.wantTries(begun, c.within, c.tries...)
			})
		})
	}
}

// TestAllNodesAway: the whole cluster is down for a while. Every node is tried, none
// is left out, tries are at most 5 s apart in the first minute, and the first that is
// back is found whichever it is.
func TestAllNodesAway(t *testing.T) {
	for back := range threeNodes {
		t.Run(fmt.Sprint("back is ", threeNodes[back]), func(t *testing.T) {
			overCluster(t, map[string]dialling{}, func(t *testing.T, c *cluster, own []string) {
				time.Sleep(time.Minute)
				c.wantEvents("up", "state 1 answer true")
				c.tries()
				lost := time.Now()
				for _, node := range own[1:] {
					c.lose(node, refuses)
				}
				c.lose(own[0], refuses)
				time.Sleep(45 * time.Second)
				c.wantEvents("down")
				last := lost
				for i, d := range c.tries() {
					if want := own[(i+1)%len(own)]; d.node != want {
						t.Errorf("try %d is for %s, want %s", i, d.node, want)
					}
					high := 5 * time.Second
					if i < len(own) {
						high = time.Second
					}
					if gap := d.at.Sub(last); gap > high {
						t.Errorf("try %d comes after a gap of %v, want %v", i, gap, high)
					}
					last = d.at
				}
				c.returns(threeNodes[back])
				time.Sleep(time.Duration(len(own)) * time.Minute)
				c.wantEvents("up", "state 1 answer true")
			})
		})
	}
}

// TestTerminalsAreSpread: 3,000 terminals that are told one list share its nodes
// evenly; so do the terminals of each node those that are left without it. The order
// of the list changes nothing, nor does a name that stands in it twice; a node that
// is added takes its share from all the others.
func TestTerminalsAreSpread(t *testing.T) {
	t.Parallel()
	const terminals = 3000
	first, second := map[string]int{}, map[string]int{}
	moved := 0
	for n := range terminals {
		id := protocol.Identity{MerchantID: "MERCHANT", StoreID: fmt.Sprint("store", n/3), TerminalID: fmt.Sprint("T", n%3)}
		own := ordered(id, threeNodes)
		first[own[0]]++
		second[own[0]+" then "+own[1]]++
		mixed := append(slices.Clone(threeNodes), threeNodes[0])
		rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if got := ordered(id, mixed); !slices.Equal(got, own) {
			t.Fatalf("%s: of %q it makes %q, of %q %q", id, threeNodes, own, mixed, got)
		}
		switch more := ordered(id, append([]string{"mqtt://d.example:1883"}, threeNodes...)); more[0] {
		case own[0]:
		case "mqtt://d.example:1883":
			moved++
		default:
			t.Fatalf("%s: a fourth node moves it from %s to %s", id, own[0], more[0])
		}
	}
	even := func(what string, n, of int) {
		if want := terminals / of; n < want*4/5 || n > want*6/5 {
			t.Errorf("%s: %d of %d terminals, want about %d", what, n, terminals, want)
		}
	}
	if len(first) != 3 || len(second) != 6 {
		t.Errorf("%v %v", first, second)
	}
	for node, n := range first {
		even(node, n, 3)
	}
	for way, n := range second {
		even(way, n, 6)
	}
	even("the fourth node", moved, 4)
}

// TestABrokerThatTakesNoDots: NATS rejects a client id with dots. The terminal says
// colons instead, at once, in the same try; the user name stays. It remembers, and
// finds back when the broker is another one again.
func TestABrokerThatTakesNoDots(t *testing.T) {
	plain, colons := sessiontest.ID.String(), sessiontest.ID.ColonID()
	bubble(t, sessiontest.Behaviour{NoDots: true}, func(t *testing.T, r *rig) {
		told := 0
		wantIDs := func(want ...string) {
			t.Helper()
			r.events()
			var got []string
			for _, c := range r.ctrl.Broker.Connects()[told:] {
				if c.Username != plain {
					t.Errorf("the user name is %q", c.Username)
				}
				// What NATS does with QoS 1 costs a majority of the cluster and a disk.
				if frugal := strings.Contains(c.ClientIdentifier, ":"); frugal != (c.WillQos == 0) {
					t.Errorf("as %s its will has QoS %d", c.ClientIdentifier, c.WillQos)
				}
				got = append(got, c.ClientIdentifier)
			}
			if told += len(got); !slices.Equal(got, want) {
				t.Fatalf("client ids %q, want %q", got, want)
			}
		}
		again := func(how sessiontest.Behaviour) {
			time.Sleep(time.Minute)
			r.ctrl.Broker.Behave(how)
			r.ctrl.Broker.Cut()
			time.Sleep(time.Second)
		}
		wantIDs(plain, colons)
		if dials := r.ctrl.Broker.Dials(); !dials[1].Equal(dials[0]) || !r.ctrl.Broker.Connected() {
			t.Fatalf("dialled at %v, connected: %v", dials, r.ctrl.Broker.Connected())
		}
		again(sessiontest.Behaviour{NoDots: true})
		wantIDs(colons)
		again(sessiontest.Behaviour{})
		wantIDs(colons) // it does not mind
		again(sessiontest.Behaviour{Connack: packets.ErrRefusedIDRejected})
		wantIDs(colons, plain)
		again(sessiontest.Behaviour{})
		time.Sleep(time.Minute)
		if !r.ctrl.Broker.Connected() {
			t.Error("it does not come back")
		}
	})
}
