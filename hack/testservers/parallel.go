package testservers

import (
	"flag"
	"runtime"
	"strconv"
)

// SideBySide has at least n tests that say t.Parallel run at once, unless -parallel says
// how many: tests that wait for real programs fit side by side in more than there are
// cores. TestMain calls it before m.Run; it parses the flags.
func SideBySide(n int) error {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		return parallel.Value.Set(strconv.Itoa(max(n, runtime.GOMAXPROCS(0))))
	}
	return nil
}
