package main

import (
	"os/exec"
	"testing"
)

// TestReapCountsWhatIsLeftBehind: the CPU time of a server that outlives the
// benchmark which started it is ours.
func TestReapCountsWhatIsLeftBehind(t *testing.T) {
	if err := adopt(); err != nil {
		t.Fatal(err)
	}
	before, err := ownTime()
	if err != nil {
		t.Fatal(err)
	}
	// The shell ends at once; what it started spins until it has used a second of
	// its CPU time limit, and is then ended by the kernel.
	if err := exec.Command("/bin/sh", "-c", "(ulimit -t 1; while :; do :; done) >/dev/null 2>&1 &").Run(); err != nil {
		t.Fatal(err)
	}
	reap()
	after, err := ownTime()
	if err != nil {
		t.Fatal(err)
	}
	if spent := after - before; spent < tick*50 {
		t.Errorf("%v are counted, of a second", spent)
	}
}
