package sqlite_test

import (
	"errors"
	"testing"

	"github.com/galla-pay/galla/controller/internal/retention"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestGrowthContract(t *testing.T) {
	t.Parallel()
	storagetest.RunGrowth(t, func(t *testing.T) storagetest.NetworkStorage { return open(t) })
}

// One file keeps everything: it says so instead of keeping it in silence.
func TestRetentionIsNotForSQLite(t *testing.T) {
	t.Parallel()
	db := open(t)
	if err := db.SetRetention(retention.Policy{}); err != nil {
		t.Error(err)
	}
	if err := db.SetRetention(retention.Policy{Months: 13}); !errors.Is(err, retention.ErrUnsupported) {
		t.Errorf("13 months: %v", err)
	}
	if at, err := db.Archived(t.Context(), "transaction_events"); err != nil || !at.IsZero() {
		t.Errorf("archived before %v, %v", at, err)
	}
}

func TestTableSizes(t *testing.T) {
	t.Parallel()
	tables, err := open(t).TableSizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]retention.Table{}
	for _, table := range tables {
		found[table.Name] = table
	}
	for _, name := range []string{"transactions", "transaction_events", "callbacks", "batches", "network_requests"} {
		if f := found[name]; f.Bytes == 0 || f.IndexBytes == 0 || f.Rows < -1 || f.Months != 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
