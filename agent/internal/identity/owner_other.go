//go:build !unix

package identity

import "os"

// giveTo does nothing: files have no owner that an agent could be.
func giveTo(*os.File, string) error { return nil }
