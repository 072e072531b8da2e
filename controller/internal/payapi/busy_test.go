package payapi_test

import (
	"context"
	"testing"
)

// TestNoRoom: a journal that takes nothing more is answered 503 with
// Retry-After, in the code that is not final; nothing is kept (DESIGN 3.1).
func TestNoRoom(t *testing.T) {
	d := newDoor(t)
	if err := d.Journal.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	a := d.init(nil)
	if a.status != 503 || a.Code != "INTERNAL_SERVER_ERROR" || a.Success || a.header.Get("Retry-After") == "" {
		t.Fatalf("%d %s, Retry-After %q", a.status, a.raw, a.header.Get("Retry-After"))
	}
	if b := d.status("MERCHANTUAT", "TXN0015985", merchantKey); b.Code != "INVALID_TRANSACTION_ID" {
		t.Errorf("it was kept: %s", b.raw)
	}
}
