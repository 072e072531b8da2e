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

// sampleCommand: sample dqr|edc ID sends what the documented sample programs
// send: a provider's key, spaces after colons and commas, lower-case header
// names, for a DQR display a callback URL that leads nowhere, and no
// Content-Length games. Only host, salt key and index are ours.
func sampleCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || samples[args[0]] == "" {
		ts.Fatalf("usage: sample dqr|edc ID")
	}
	const path = "/v1/payment/init"
	encoded := xverify.EncodeBody([]byte(strings.Replace(samples[args[0]], "ANID", args[1], 1)))
	headers := []string{
		"accept", "application/json", "x-verify", xverify.Header(encoded, path, sandboxKeys["MERCHANTPROVIDER"], 1),
		"X-PROVIDER-ID", "MERCHANTPROVIDER",
	}
	if args[0] == "dqr" {
		headers = append(headers, "x-callback-url", "http://www.google.dom")
	}
	for _, prefix := range []string{"/enterprise-sandbox", ""} {
		status, answer := post(context.Background(), of(ts).url()+prefix+path, `{"request": "`+encoded+`"}`, headers...)
		var got struct{ Code string }
		want := map[string]string{"/enterprise-sandbox": "SUCCESS", "": "DUPLICATE_TRANSACTION_ID"}[prefix]
		if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Code != want {
			ts.Fatalf("%s: %d %s, want %s", prefix+path, status, answer, want)
		}
	}
}

// samples are the payloads of the sample programs, ANID for the random id.
var samples = map[string]string{
	"dqr": `{"storeId": "teststore1", "merchantId": "MERCHANTUAT", "terminalId": "testterminal1", "merchantTransactionId": "ANID", ` +
		`"orderId": "MRCHN1RORDID10111114", "amount": 100, "solutionType": "DQR_DEVICE", "expiresIn": 180}`,
	"edc": `{"merchantId": "MERCHANTUAT", "storeId": "teststore1", "terminalId": "testterminal1", "orderId": "order7", ` +
		`"merchantTransactionId": "ANID", "amount": 100, "paymentModes": ["CARD", "DQR"], "solutionType": "EDC", ` +
		`"timeAllowedForHandoverToTerminalSeconds": 60, "integrationMappingType": "ONE_TO_ONE"}`,
}

// examplesCommand: examples [flags] runs the examples for POS developers, in
// every language, against this controller.
func examplesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: examples [flags]")
	}
	all := append([]string{of(ts).url()}, args...)
	out, err := exec.Command("../../protocol/merchantapi/examples/run.sh", all...).CombinedOutput()
	ts.Logf("%s", out)
	ts.Check(err)
}
