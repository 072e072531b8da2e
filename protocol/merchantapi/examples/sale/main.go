// Command sale asks for money on the sandbox's Dynamic-QR display and prints how
// it stands:
//
//	go run ./protocol/merchantapi/examples/sale [--once] [--expires-in SECONDS] URL
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/galla-pay/galla/protocol/merchantapi"
)

func main() {
	once := flag.Bool("once", false, "ask for the status only once")
	expiresIn := flag.Int64("expires-in", 180, "seconds that the customer has")
	flag.Parse()
	url := "http://127.0.0.1:8080"
	if flag.NArg() > 0 {
		url = flag.Arg(0)
	}
	if err := sell(context.Background(), url, *expiresIn, *once); err != nil {
		fmt.Fprintln(os.Stderr, "sale:", err)
		os.Exit(1)
	}
}

func sell(ctx context.Context, url string, expiresIn int64, once bool) error {
	client, err := merchantapi.New(merchantapi.Config{
		BaseURL: url, MerchantID: env("GALLA_MERCHANT", "MERCHANTUAT"), SaltKey: env("GALLA_SALT_KEY", "sandbox-merchant-key"), SaltIndex: 1,
	})
	if err != nil {
		return err
	}
	// An id is unique for ever: keep it with the bill before asking for the money.
	id := "GO-" + rand.Text()
	_, err = client.InitDQR(ctx, merchantapi.DQRSale{
		StoreID: "teststore1", TerminalID: "testterminal1", TransactionID: id, OrderID: "order1", Amount: 245, ExpiresIn: expiresIn,
	})
	if errors.Is(err, merchantapi.ErrUnknown) {
		fmt.Println(id, "the answer is lost: asking for the status")
	} else if err != nil {
		return err // refused: nothing is asked for
	}
	payment, err := client.Status(ctx, id)
	if err != nil {
		return said(id, err)
	}
	fmt.Println(id, payment.Status)
	if !once && !payment.Final() {
		// Quick, because the sandbox is near by; nil asks when PhonePe's documents
		// say. An attempt that began in time may end after expiry.
		ctx, cancel := context.WithTimeout(ctx, time.Duration(expiresIn+300)*time.Second)
		defer cancel()
		if payment, err = client.Poll(ctx, id, merchantapi.QuickSchedule()); err != nil {
			return said(id, err)
		}
		fmt.Println(id, payment.Status, payment.ResponseCode)
	}
	if payment.Paid() {
		fmt.Printf("%s paid, reference %s: close the bill\n", id, payment.ReferenceNumber)
	}
	return nil
}

func said(id string, err error) error {
	if merchantapi.NotFound(err) {
		return fmt.Errorf("%s never arrived: it may be asked for again under the same id", id)
	}
	return err
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
