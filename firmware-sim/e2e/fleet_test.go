package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/firmware-sim/fleet"
	"github.com/galla-pay/galla/protocol"
)

// throng is many terminals in one process, galla-sim fleet, with sales at them.
type throng struct {
	*process
	url string
	ids []protocol.Identity // in their order
}

// fleetCommand:
//
//	fleet start N RATE  switches on N terminals more, at which so much is sold (4/s), and
//	                    waits until all are in sync
//	fleet sells N       waits until so many more sales are paid, and shown as paid
//	fleet stop          ends it: each sale that was asked for was paid, shown as paid
//	                    and is SUCCESS, once, and no PAID was false. A sale whose terminal
//	                    refused it, as it does when the machine stands still for so long
//	                    that it takes its panel for broken, has failed, and nobody paid
func fleetCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	switch {
	case neg || len(args) == 0 || args[0] != "start" && h.throng == nil:
		ts.Fatalf("usage: fleet start N RATE | sells N | stop")
	case args[0] == "start" && len(args) == 3:
		h.startThrong(ts, count(ts, args[1]), args[2])
	case args[0] == "sells" && len(args) == 2:
		h.throng.awaitSales(ts, count(ts, args[1]))
	case args[0] == "stop" && len(args) == 1:
		h.throng.settle(ts)
	default:
		ts.Fatalf("fleet %v?", args)
	}
}

func (h *house) startThrong(ts *testscript.TestScript, n int, rate string) {
	made := exec.Command(filepath.Join(binaries, "galla-controller"), "token", "create", "fleet", "--role", "admin", "--json")
	made.Env = append(made.Environ(), "GALLA_DATABASE="+h.stack.database, "GALLA_SEAL_KEY_FILE="+h.sealKey())
	out, err := made.Output()
	ts.Check(err)
	var token struct{ Token string }
	ts.Check(json.Unmarshal(out, &token))
	file := filepath.Join(h.dir, "fleet.token")
	ts.Check(os.WriteFile(file, []byte(token.Token), 0o600))
	address, err := freeAddress()
	ts.Check(err)
	p, err := start(filepath.Join(binaries, "galla-sim"), "fleet", "--controller", h.url(), "--admin-token-file", file,
		"--terminals", fmt.Sprint(n), "--sales", rate, "--for", "0s", "--listen", address, "--json")
	ts.Check(err)
	h.throng = &throng{process: p, url: "http://" + address}
	began := time.Now()
	until(ts, p, "the fleet is in sync", func(ctx context.Context) (string, bool) {
		members, said := h.throng.members(ctx)
		return said, len(members) == n && !slices.ContainsFunc(members, func(s fleet.State) bool { return !s.Link })
	})
	members, _ := h.throng.members(context.Background())
	for _, m := range members {
		id, err := protocol.ParseIdentity(m.Identity)
		ts.Check(err)
		h.throng.ids = append(h.throng.ids, id)
	}
	ts.Logf("%d terminals are in sync after %v", n, time.Since(began).Round(time.Millisecond))
}

// members are all of them; none when it does not say.
func (f *throng) members(ctx context.Context) ([]fleet.State, string) {
	var all []fleet.State
	_, said := get(ctx, f.url+"/terminals")
	if json.Unmarshal([]byte(said), &all) != nil {
		return nil, said
	}
	return all, said
}

func (f *throng) sales(ctx context.Context) (fleet.Sales, string) {
	var tally fleet.Tally
	_, said := get(ctx, f.url+"/tally")
	if json.Unmarshal([]byte(said), &tally) != nil {
		return fleet.Sales{}, said
	}
	return tally.Sales, fmt.Sprintf("%+v, %v", tally.Sales, tally.Errors)
}

func (f *throng) awaitSales(ts *testscript.TestScript, more int) {
	began := time.Now()
	before, _ := f.sales(context.Background())
	until(ts, f.process, fmt.Sprintf("the fleet sells %d more than %d", more, before.ShownPaid), func(ctx context.Context) (string, bool) {
		now, said := f.sales(ctx)
		return said, now.ShownPaid >= before.ShownPaid+more
	})
	ts.Logf("%d more sales of the fleet after %v", more, time.Since(began).Round(time.Millisecond))
}

// settle ends the fleet, which sees through what it has begun, and asks the controller
// for each sale.
func (f *throng) settle(ts *testscript.TestScript) {
	ts.Check(f.stop(syscall.SIGTERM))
	said := f.out.String()
	var r fleet.Report
	from := strings.LastIndex(said, "\n{\n")
	if from < 0 || json.Unmarshal([]byte(said[from:]), &r) != nil {
		ts.Fatalf("the fleet ends without a report:\n%s", f.out.tail())
	}
	used := f.cmd.ProcessState
	ts.Logf("the fleet needed %v of a core: %+v", (used.UserTime() + used.SystemTime()).Round(time.Millisecond), r)
	n := r.Sales
	if n.Paid == 0 || n.ShownPaid != n.Paid || n.Succeeded != n.Paid || r.FalsePaid != 0 || n.Paid+r.Errors[fleet.TerminalRefused] != n.Asked {
		ts.Fatalf("sales of the fleet are lost, or are there twice: %s", said[from:])
	}
	if code := f.cmd.ProcessState.ExitCode(); code != 0 {
		ts.Fatalf("the fleet ended with %d:\n%s", code, f.out.tail())
	}
}
