//go:build !linux

package doctor

// freeBytes is known on the devices, which run Linux.
func freeBytes(string) (free uint64, known bool) { return 0, false }
