package table

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/signing"
)

// SigningKeys is table signing_keys. The private seed stands in secrets, under
// the key's id.
var SigningKeys = Table[signing.Key]{
	Name: "signing_keys", Key: []string{"id"},
	Fixed: fixed("public_key", "created_at"),
	Columns: []Column[signing.Key]{
		text("id", func(k *signing.Key) *string { return &k.ID }),
		blob("public_key", func(k *signing.Key) *[]byte { return &k.Public }),
		instant("created_at", func(k *signing.Key) *time.Time { return &k.CreatedAt }),
		instant("activated_at", func(k *signing.Key) *time.Time { return &k.ActivatedAt }),
		instant("retired_at", func(k *signing.Key) *time.Time { return &k.RetiredAt }),
	},
}
