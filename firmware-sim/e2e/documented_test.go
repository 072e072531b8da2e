package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol/xverify"
)

// readmeCommand: readme runs the README's signed curl as it is printed, but for
// the address, and wants SUCCESS.
func readmeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: readme")
	}
	text, err := os.ReadFile("../../README.md")
	ts.Check(err)
	block := regexp.MustCompile("(?s)```sh\n(curl .*?)\n```").FindSubmatch(text)
	if block == nil {
		ts.Fatalf("the README prints no curl")
	}
	command := strings.Replace(string(block[1]), "http://127.0.0.1:8080", of(ts).url(), 1)
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"code":"SUCCESS"`) {
		ts.Fatalf("%s\n%v %s", command, err, out)
	}
}

// sampleCommand: sample ID sends what the documented sample program for DQR
// displays sends: a provider's key, spaces after colons and commas, lower-case
// header names, a callback URL that leads nowhere, and no Content-Length games.
// Only host, salt key and index are ours.
func sampleCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sample ID")
	}
	const path = "/v1/payment/init"
	payload := `{"storeId": "teststore1", "merchantId": "MERCHANTUAT", "terminalId": "testterminal1", "merchantTransactionId": "` +
		args[0] + `", "orderId": "MRCHN1RORDID10111114", "amount": 100, "solutionType": "DQR_DEVICE", "expiresIn": 180}`
	encoded := xverify.EncodeBody([]byte(payload))
	for _, prefix := range []string{"/enterprise-sandbox", ""} {
		status, answer := post(context.Background(), of(ts).url()+prefix+path, `{"request": "`+encoded+`"}`,
			"accept", "application/json", "x-verify", xverify.Header(encoded, path, "sandbox-provider-key", 1),
			"x-callback-url", "http://www.google.dom", "X-PROVIDER-ID", "MERCHANTPROVIDER")
		var got struct{ Code string }
		want := map[string]string{"/enterprise-sandbox": "SUCCESS", "": "DUPLICATE_TRANSACTION_ID"}[prefix]
		if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Code != want {
			ts.Fatalf("%s: %d %s, want %s", prefix+path, status, answer, want)
		}
	}
}
