//go:build !unix

package npci

import "os"

// lockFile cannot take a file here: whoever runs two networks on one file must
// not.
func lockFile(*os.File) error { return nil }
