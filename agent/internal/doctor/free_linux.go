package doctor

import "syscall"

// freeBytes is what the agent, which is not root, may still write into dir.
func freeBytes(dir string) (free uint64, known bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return fs.Bavail * uint64(fs.Bsize), true
}
