package upiapi_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/upiapi"
)

// TestTraced: each message that was decided is told, with its payment; one that is held
// when it is answered; one that could not be read is nobody's.
func TestTraced(t *testing.T) {
	var mu sync.Mutex
	var told []string
	d := open(t, doortest.New(t), func(c *upiapi.Config) {
		c.Timeout = timeout(true)
		c.Traced = func(message string, code decide.Code, paymentID string, began time.Time) {
			mu.Lock()
			defer mu.Unlock()
			if age := time.Since(began); age < 0 || message == "ReqPay" && paymentID != "GPA" && age < moment {
				t.Errorf("%s began %v ago", message, age)
			}
			told = append(told, fmt.Sprintf("%s %s %s", message, code, paymentID))
		}
	})
	link := d.sale("A")
	_, answer := d.post("validate", valQr("V1", "245.00", link, ""))
	d.post("validate", valQr("V1", "245.00", link, ""))
	d.post("validate", "<ReqValQr")
	d.post("pay", reqPay("P1", "X1", field(answer, "VerToken"), "245.00", "customer@upi", "merchant@upi"))
	d.post("check", `<ReqChkTxn><MsgID>C1</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>X1</OrgTxnID></ReqChkTxn>`)
	_, answer = d.post("validate", valQr("V2", "100.00", "initiation_mode=16&pa=gourmet@mercury", ""))
	d.post("pay", reqPay("P2", "X2", field(answer, "VerToken"), "100.00", "customer@upi", "gourmet@mercury"))
	held, err := d.Storage.Payment(t.Context(), "MERCHANTUAT", "X2")
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{
		"ReqValQr 00 GPA", "ReqValQr ZD GPA", "ReqPay 00 GPA", "ReqChkTxn 00 GPA", "ReqValQr 00 ", "ReqPay 00 " + held.ID,
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
