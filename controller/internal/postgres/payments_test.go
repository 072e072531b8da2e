package postgres_test

import (
	"testing"

	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestEverybodysPayments(t *testing.T) {
	t.Parallel()
	storagetest.RunEverybody(t, func(t *testing.T) storagetest.Listing { return open(t) })
}
