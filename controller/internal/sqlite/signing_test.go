package sqlite_test

import (
	"testing"

	"github.com/galla-pay/galla/controller/internal/signing"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestSigningKeysContract(t *testing.T) {
	t.Parallel()
	storagetest.SigningKeys(t, func(t *testing.T) signing.Storage { return open(t) })
}
