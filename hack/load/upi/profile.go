package upi

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// profiles are what is fetched of a run, by the name of its file; of allocations and
// waits only those of the run.
var profiles = map[string]string{"cpu": "profile", "allocs": "allocs", "block": "block", "mutex": "mutex", "goroutine": "goroutine"}

// fetchProfiles writes upi.cpu, upi.allocs, upi.block and upi.mutex into dir, each
// over nearly all of a run that begins now, and upi.goroutine at its beginning.
func fetchProfiles(ctx context.Context, base, dir string, length time.Duration) error {
	seconds := int(length.Seconds()) - 1
	if seconds < 1 {
		return fmt.Errorf("a run of %s is too short for a profile: 2s at least", length)
	}
	var mu sync.Mutex
	var first error
	var all sync.WaitGroup
	for name, route := range profiles {
		all.Go(func() {
			url := base + route
			if name != "goroutine" {
				url += fmt.Sprintf("?seconds=%d", seconds)
			}
			text, err := get(ctx, url)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "upi."+name), text, 0o644)
			}
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = err
			}
		})
	}
	all.Wait()
	return first
}
