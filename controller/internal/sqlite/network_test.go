package sqlite_test

import (
	"testing"

	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestNetworkContract(t *testing.T) {
	t.Parallel()
	storagetest.RunNetwork(t, func(t *testing.T) storagetest.NetworkStorage { return open(t) })
}
