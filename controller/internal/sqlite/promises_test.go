package sqlite_test

import (
	"testing"

	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestPromisesContract(t *testing.T) {
	t.Parallel()
	storagetest.RunPromises(t, func(t *testing.T) storagetest.PromiseStorage { return open(t) })
}
