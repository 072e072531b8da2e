package merchantapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/galla-pay/galla/protocol/merchantapi/merchantapitest"
)

// A sale from asking to paid: the callback is fast, the status is sure.
func Example() {
	sandbox := merchantapitest.New(nil)
	server := httptest.NewServer(sandbox)
	defer server.Close()

	client, err := merchantapi.New(merchantapi.Config{
		BaseURL: server.URL, MerchantID: "MERCHANTUAT", SaltKey: "sandbox-merchant-key", SaltIndex: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier := &merchantapi.Verifier{SaltKeys: map[int]string{1: "sandbox-merchant-key"}, Keys: client.Keys()}
	shop := httptest.NewServer(verifier.Handler(func(_ context.Context, c merchantapi.Callback) error {
		fmt.Println("callback:", c.Payment.TransactionID, "paid", c.Paid())
		return nil
	}))
	defer shop.Close()

	ctx := context.Background()
	_, err = client.WithCallback(shop.URL).InitDQR(ctx, merchantapi.DQRSale{
		StoreID: "teststore1", TerminalID: "testterminal1", TransactionID: "BILL-42-1", OrderID: "BILL-42", Amount: 245,
	})
	if err != nil && !errors.Is(err, merchantapi.ErrUnknown) {
		fmt.Println(err) // refused: nothing is asked for
		return
	}
	// Here a customer pays.
	response, err := http.Post(server.URL+"/conformance/BILL-42-1/settle?outcome=SUCCESS", "", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = response.Body.Close()

	payment, err := client.Poll(ctx, "BILL-42-1", merchantapi.QuickSchedule())
	fmt.Println("status:", payment.Status, payment.ReferenceNumber, err)
	// Output:
	// callback: BILL-42-1 paid true
	// status: SUCCESS UTRBILL-42-1 <nil>
}
