package session

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// boots are the boot ids of all syncs so far, and whether anything else had one.
func (r *rig) boots() (boots []string) {
	r.t.Helper()
	synctest.Wait()
	for _, up := range r.ctrl.Ups() {
		switch rep := up.Report; {
		case rep == nil:
		case rep.Type == protocol.TypeSync:
			boots = append(boots, rep.Boot)
		case rep.Boot != "":
			r.t.Errorf("a %s has the boot id %q", rep.Type, rep.Boot)
		}
	}
	return boots
}

// TestBootIDs (failure matrix T2): every sync tells it, over all connections of
// one start; another start has another.
func TestBootIDs(t *testing.T) {
	onDisk(t, func(t *testing.T, r *rig, dir string) {
		var all []string
		for range 3 {
			before := len(r.boots())
			r.boot(dir)
			time.Sleep(time.Minute)
			r.ctrl.Broker.Cut()
			time.Sleep(time.Minute)
			r.s.Ask()
			time.Sleep(time.Minute)
			boots := r.boots()[before:]
			if len(boots) < 3 || len(slices.Compact(slices.Clone(boots))) != 1 {
				t.Fatalf("the boot ids of one start are %q", boots)
			}
			if n := len(strings.Trim(boots[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")); n != 0 || len(boots[0]) < 8 || len(boots[0]) > 40 {
				t.Errorf("boot id %q", boots[0])
			}
			if slices.Contains(all, boots[0]) {
				t.Errorf("boot id %q comes back", boots[0])
			}
			all = append(all, boots[0])
			r.stop()
		}
	})
}

// downs are the losses since the last call: whether each was contested.
func (r *rig) downs() (contested []bool) {
	synctest.Wait()
	for _, ev := range r.s.Take() {
		if down, ok := ev.(Down); ok {
			contested = append(contested, down.Contested)
		}
	}
	return contested
}

// TestAnotherDeviceHasThisIdentity (failure matrix T2): the other one takes the
// connection a second after it was made, again and again. After the fifth time
// that is said, once; and not any more after it has stopped.
func TestAnotherDeviceHasThisIdentity(t *testing.T) {
	for name, take := range map[string]func(*rig){
		"by closing": func(r *rig) { r.ctrl.Broker.Cut() },
		"by saying good-bye, as mochi does": func(r *rig) {
			r.ctrl.Broker.SendRaw([]byte{packets.Disconnect << 4, 0})
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
				begun := time.Now()
				quarrel := func(n int) (contested []bool) {
					for len(contested) < n {
						for !r.ctrl.Broker.Connected() {
							time.Sleep(50 * time.Millisecond)
						}
						time.Sleep(time.Second)
						take(r)
						contested = append(contested, r.downs()...)
					}
					return contested
				}
				time.Sleep(time.Minute) // a steady link before
				take(r)
				if got := r.downs(); !slices.Equal(got, []bool{false}) {
					t.Fatalf("a steady link was lost: contested %v", got)
				}
				if got := quarrel(6); !slices.Equal(got, []bool{false, false, false, false, true, true}) {
					t.Fatalf("contested %v", got)
				}
				if took := time.Since(begun); took > 3*time.Minute {
					t.Errorf("it took %v", took)
				}
				const line = "another device seems to have this terminal's identity"
				if n := r.log.count(line); n != 1 {
					t.Errorf("said %d times:\n%s", n, r.log.b.String())
				}
				for !r.ctrl.Broker.Connected() {
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute) // the other one is gone
				take(r)
				if got := r.downs(); !slices.Equal(got, []bool{false}) {
					t.Errorf("afterwards: contested %v", got)
				}
				if quarrel(5); r.log.count(line) != 2 {
					t.Errorf("the second time it is said %d times", r.log.count(line))
				}
			})
		})
	}
}

// TestWhatIsNoQuarrel: a network that fails, a broker that is restarted, and links
// that live for a while.
func TestWhatIsNoQuarrel(t *testing.T) {
	t.Parallel()
	var start time.Time
	for name, c := range map[string]struct {
		life, gap time.Duration
		why       error
	}{
		"waits that end in a limit": {time.Second, time.Second, errNoPuback},
		"a network that is cut":     {time.Second, time.Second, errors.New("i/o timeout")},
		"links that live":           {6 * time.Second, time.Second, io.EOF},
		"seldom":                    {time.Second, 45 * time.Second, io.EOF},
	} {
		var r rival
		now := start.Add(time.Hour)
		for i := range 100 {
			up := now
			now = now.Add(c.life)
			if contested, _ := r.lost(up, now, c.why); contested {
				t.Fatalf("%s: contested after %d losses", name, i+1)
			}
			now = now.Add(c.gap)
		}
	}
}

// TestQuarrels: whatever the gaps and lives are, the fifth short life within two
// minutes says so, and nothing before it does.
func TestQuarrels(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		var r rival
		var short []time.Time
		was := false
		for range 40 {
			up := now
			life := time.Duration(rapid.Int64Range(0, int64(12*time.Second)).Draw(t, "life"))
			now = now.Add(life)
			if life >= steadyAfter {
				short, was = nil, false
			} else if life < contestedLife {
				short = append(short, now)
			}
			want := was
			if n := len(short); n >= 5 && now.Sub(short[n-5]) <= 2*time.Minute {
				want = true
			}
			contested, news := r.lost(up, now, io.EOF)
			if contested != want || news != (want && !was) {
				t.Fatalf("contested %v, news %v; want %v, before %v", contested, news, want, was)
			}
			was = want
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(40*time.Second)).Draw(t, "gap")))
		}
	})
}
