package admin_test

import (
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// TestFees: a fee is set, set again, listed and taken away; the directory has it,
// the audit log says who did it, and what changes nothing leaves no line.
func TestFees(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		d := newDoor(t, db)
		d.shop()
		before := len(d.audit())
		for path, body := range map[string]map[string]any{
			"/fees/SHOP1/5411": {"basisPoints": 50, "minPaise": 10, "capPaise": 2000, "rounding": "up"},
			"/fees/SHOP1/*":    {"basisPoints": 0},
			"/fees/*/5411":     {"basisPoints": 75},
			"/fees/*/*":        {"basisPoints": 100},
		} {
			a := d.want(200, "PUT", path, body)
			if again := d.want(200, "PUT", path, body); again.raw != a.raw {
				t.Errorf("%s again: %s, was %s", path, again.raw, a.raw)
			}
		}
		if n := len(d.audit()) - before; n != 4 {
			t.Errorf("4 fees left %d lines in the audit log", n)
		}
		dir, err := db.Directory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := merchant.FeeRule{MerchantID: "SHOP1", MCC: "5411", BasisPoints: 50, Min: 10, Cap: 2000, Rounding: "up"}
		if got, ok := dir.FeeRule("SHOP1", "5411"); !ok || got != want {
			t.Errorf("the directory has %+v", got)
		}
		if got, ok := dir.FeeRule("SHOP9", "5812"); !ok || got != (merchant.FeeRule{BasisPoints: 100, Rounding: "half_up"}) {
			t.Errorf("the directory has %+v", got)
		}

		for query, places := range map[string]string{
			"": "*/* */5411 SHOP1/* SHOP1/5411", "?merchantId=SHOP1": "SHOP1/* SHOP1/5411", "?merchantId=*": "*/* */5411", "?merchantId=SHOP9": "",
		} {
			// A page at a time, too.
			for _, limit := range []string{"200", "1"} {
				var seen []string
				for after := ""; ; {
					sep := "?"
					if query != "" {
						sep = "&"
					}
					a := d.want(200, "GET", "/fees"+query+sep+"limit="+limit+"&after="+after, nil)
					for _, item := range a.body["items"].([]any) {
						f := item.(map[string]any)
						seen = append(seen, f["merchantId"].(string)+"/"+f["mcc"].(string))
					}
					after, _ = a.body["next"].(string)
					if after == "" {
						break
					}
				}
				if got := strings.Join(seen, " "); got != places {
					t.Errorf("fees%s, %s a page: %s, want %s", query, limit, got, places)
				}
			}
		}

		before = len(d.audit())
		d.want(200, "PUT", "/fees/SHOP1/5411", map[string]any{"basisPoints": 60})
		gone := d.want(200, "DELETE", "/fees/SHOP1/5411", nil)
		if gone.raw != `{"merchantId":"SHOP1","mcc":"5411","basisPoints":60,"minPaise":0,"capPaise":0,"rounding":"half_up"}` {
			t.Errorf("it was %s", gone.raw)
		}
		d.want(404, "DELETE", "/fees/SHOP1/5411", nil)
		lines := d.audit()[before:]
		if len(lines) != 2 || lines[0].Action != "fee.set" || lines[1].Action != "fee.remove" || lines[1].Target != "SHOP1/5411" ||
			!strings.Contains(string(lines[0].Changes), `"basisPoints":{"from":50,"to":60}`) {
			t.Errorf("the audit log says %+v", lines)
		}
		if dir, err = db.Directory(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, _ := dir.FeeRule("SHOP1", "5411"); got.MCC != "" || got.MerchantID != "SHOP1" {
			t.Errorf("after it was taken away the directory has %+v", got)
		}
		if p, err := d.service.Fees(t.Context(), "SHOP1", "", admin.MaxLimit); err != nil || len(p.Items) != 1 {
			t.Errorf("fees are %+v, %v", p, err)
		}
	})
}
