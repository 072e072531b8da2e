package doctor

import "path/filepath"

// spoolFile is the agent's, within its data folder; it is locked while an agent
// runs on it.
const spoolFile = "spool.db"

// InUse reports whether an agent runs on that data folder. If none does, none can
// start before release is called. An error means that nobody can tell.
func InUse(dir string) (release func(), inUse bool, err error) {
	return hold(filepath.Join(dir, spoolFile))
}
