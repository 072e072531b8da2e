package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// keysCommand: keys NAME KEY... presses keys of a terminal, one after another.
func keysCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: keys NAME KEY...")
	}
	tm := of(ts).terminal(ts, args[0])
	tm.watcher.moves()
	for _, key := range args[1:] {
		if err := tm.press(key); err != nil {
			ts.Fatalf("%s: %v", args[0], err)
		}
	}
}

func (tm *terminal) press(key string) error {
	if status, body := post(context.Background(), tm.url+"/keys/"+key, ""); status != http.StatusNoContent {
		return fmt.Errorf("key %s: %d %s", key, status, body)
	}
	return nil
}

// tapCommand: tap NAME OUTCOME [field=value...] holds a card to the reader until
// it is read.
func tapCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: tap NAME OUTCOME [field=value...]")
	}
	form := url.Values{"outcome": {args[1]}, "holdMillis": {"10000"}}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		form.Set(key, value)
	}
	tm := of(ts).terminal(ts, args[0])
	tm.watcher.moves()
	status, body := post(context.Background(), tm.url+"/card/tap", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if status != http.StatusOK {
		ts.Fatalf("tap: %d %s", status, body)
	}
}

// raceCommand: race SHORTID NAME... types the id of an OPEN order at every
// terminal and asks for it at all of them at once. Exactly one may get it, and
// every other must say who has it and since when. The names of the winner and of
// the first loser are put into the variables WINNER and LOSER.
func raceCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: race SHORTID NAME...")
	}
	h := of(ts)
	for _, name := range args[1:] {
		keysCommand(ts, false, append([]string{name}, strings.Split(args[0], "")...))
		awaitCommand(ts, false, []string{name, "mode=pulling", "digits=" + args[0]})
	}
	var pressed sync.WaitGroup
	failed := make(chan error, len(args))
	for _, name := range args[1:] {
		tm := h.terminal(ts, name)
		pressed.Go(func() { failed <- tm.press("ok") })
	}
	pressed.Wait()
	close(failed)
	for err := range failed {
		ts.Check(err)
	}
	winner, losers := "", []string{}
	for _, name := range args[1:] {
		tm := h.terminal(ts, name)
		s := tm.watcher.await(ts, tm, name+" is answered", func(s seen) bool {
			return s.Mode == "prompting" || s.Keypad.Outcome != ""
		})
		switch {
		case s.Mode != "prompting":
			losers = append(losers, name)
		case winner == "":
			winner = name
		default:
			ts.Fatalf("%s and %s both got the order %s", winner, name, args[0])
		}
	}
	if winner == "" {
		ts.Fatalf("nobody got the order %s", args[0])
	}
	for _, name := range losers {
		awaitCommand(ts, false, []string{name, "pull=other", "message=Taken by " + h.terminals[winner].id.TerminalID + ", * s ago"})
	}
	ts.Setenv("WINNER", winner)
	ts.Setenv("LOSER", losers[0])
}
