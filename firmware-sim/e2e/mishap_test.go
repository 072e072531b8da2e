package e2e

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// flip makes the commands power NAME on|off|cycle and network NAME on|off. They
// end when the terminal itself has said so; cycle is off and on.
func flip(which string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 {
			ts.Fatalf("usage: %s NAME on|off", which)
		}
		tm, steps := of(ts).terminal(ts, args[0]), args[1:]
		if which == "power" && args[1] == "cycle" {
			steps = []string{"off", "on"}
		}
		for now := tm.watcher.now(); len(steps) > 0; steps = steps[1:] {
			tm.post(ts, "/"+which+"/"+steps[0])
			now = tm.watcher.awaitFrom(ts, tm, now, which+" "+steps[0], func(s seen) bool {
				return s.matches(ts, []string{which + "=" + steps[0]})
			}).index
		}
	}
}

// flapCommand: flap NAME has a terminal's network go and come once a second for
// fifteen seconds, and waits for their end; flap NAME begin does not wait.
func flapCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 || len(args) == 2 && args[1] != "begin" {
		ts.Fatalf("usage: flap NAME [begin]")
	}
	tm := of(ts).terminal(ts, args[0])
	tm.post(ts, "/network/flap?hz=1&seconds=15")
	if len(args) == 1 {
		until(ts, tm.process, args[0]+"'s network is left alone", func(ctx context.Context) (string, bool) {
			s, body := look(ctx, tm)
			return body, s.Mode != "" && !s.Flapping
		})
	}
}

func (tm *terminal) post(ts *testscript.TestScript, path string) {
	if status, body := post(context.Background(), tm.url+path, ""); status/100 != 2 {
		ts.Fatalf("%s: %d %s", path, status, body)
	}
}

// clockCommand: clock NAME OFFSET has the terminal's wall clock jump: it is wrong
// by that much from now on, as +10y, -1h or 0. Whatever the jump, the time left
// may only go down, by what has really passed, to the second.
func clockCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: clock NAME OFFSET")
	}
	tm := of(ts).terminal(ts, args[0])
	began := time.Now()
	before, _ := look(context.Background(), tm)
	least := time.Now()
	tm.post(ts, "/clock/"+args[1])
	most := time.Now()
	after, body := look(context.Background(), tm)
	ended := time.Now()
	if before.LeftMs == 0 || before.Mode != after.Mode || after.LeftMs == 0 {
		return // nothing runs, or it has ended meanwhile
	}
	went := time.Duration(before.LeftMs-after.LeftMs) * time.Millisecond
	if went < most.Sub(least)-time.Second || went > ended.Sub(began)+time.Second {
		ts.Fatalf("the clock jumped by %s, and of the time left %v went in %v: %s", args[1], went, ended.Sub(began), body)
	}
}

// leftCommand: left NAME LEAST MOST waits until that many seconds are left of the time
// of what is on the glass: a sale that is taken has more of it than one that waits.
func leftCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: left NAME LEAST MOST")
	}
	tm, least, most := of(ts).terminal(ts, args[0]), count(ts, args[1]), count(ts, args[2])
	until(ts, tm.process, "left "+strings.Join(args, " "), func(ctx context.Context) (string, bool) {
		s, body := look(ctx, tm)
		return body, s.LeftMs >= 1000*int64(least) && s.LeftMs <= 1000*int64(most)
	})
}

// pauseCommand: pause NAME stops a terminal's process, or controller, with all its
// sockets open: SIGSTOP. resume NAME lets it go on.
func pauseCommand(ts *testscript.TestScript, neg bool, args []string) {
	signalCommand(ts, neg, args, syscall.SIGSTOP)
}

func resumeCommand(ts *testscript.TestScript, neg bool, args []string) {
	signalCommand(ts, neg, args, syscall.SIGCONT)
}

func signalCommand(ts *testscript.TestScript, neg bool, args []string, sig syscall.Signal) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: pause|resume TERMINAL|controller")
	}
	h := of(ts)
	p := h.controller
	if args[0] != "controller" {
		p = h.terminal(ts, args[0]).process
	}
	ts.Check(p.cmd.Process.Signal(sig))
}

// rebootCommand: reboot NAME [flag...] kills a terminal's process, kill -9, with
// whatever it was writing, and starts it again with its disk and settings. A flag
// that is given replaces that of before: --data has it come back with another disk.
func rebootCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: reboot NAME [flag...]")
	}
	tm := of(ts).terminal(ts, args[0])
	ts.Check(tm.stop(syscall.SIGKILL))
	flags := slices.Clone(tm.cmd.Args[1:])
	for i := 1; i+1 < len(args); i += 2 {
		at := slices.Index(flags, args[i])
		if at < 0 {
			ts.Fatalf("%s was not started with %s", args[0], args[i])
		}
		flags[at+1] = args[i+1]
	}
	tm.watcher.gone()
	p, err := start(filepath.Join(binaries, "galla-sim"), flags...)
	ts.Check(err)
	tm.process = p
}

// programs are all that the session has started, by name.
func (h *house) programs() map[string]*process {
	all := map[string]*process{"controller": h.controller, "first controller": h.first, "npci": h.npci}
	for name, tm := range h.terminals {
		all["terminal "+name] = tm.process
	}
	if h.throng != nil {
		all["fleet"] = h.throng.process
	}
	maps.DeleteFunc(all, func(_ string, p *process) bool { return p == nil })
	return all
}

// report is the end of what each program said.
func (h *house) report() {
	all := h.programs()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		h.t.Logf("%s said last:\n%s", name, all[name].out.tail())
	}
	for name, tm := range h.terminals {
		h.t.Logf("%s showed last:\n%s", name, tm.watcher.lately())
	}
}
