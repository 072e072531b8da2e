package postgres_test

import (
	"fmt"
	"testing"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// BenchmarkDirectory is what a look at the merchants' data costs with 10,000
// terminals: whether anything has changed, and everything.
func BenchmarkDirectory(b *testing.B) {
	db := openAt(b, migrated(b))
	var d merchant.Data
	for n := range 10_000 {
		id := protocol.Identity{MerchantID: fmt.Sprint("M", n/100), StoreID: "S", TerminalID: fmt.Sprint("T", n)}
		d.Terminals = append(d.Terminals, merchant.Terminal{Identity: id, Active: true, Integrated: true})
	}
	if err := db.Seed(b.Context(), d); err != nil {
		b.Fatal(err)
	}
	b.Run("version", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := db.DirectoryVersion(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := db.Directory(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
