package payapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/protocol/xverify"
)

// The payloads that the documents print in base64.
const (
	printedDQR = "eyJzdG9yZUlkIjogIk1TMjYwMzMwMTQ1NzQyNTE0MzU4NjMwNiIsICJtZXJjaGFudElkIjogIkNPR1dBVkVPRkZMSU5FIiwgInRlcm1pbmFsSWQiOiAiTVNUMjYwMzMwMTc1ODMwMjgxMTk2OTgzMSIsICJtZXJjaGFudFRyYW5zYWN0aW9uSWQiOiAiVFhOMDAxOTQ0MCIsICJvcmRlcklkIjogIk1SQ0hOMVJPUkRJRDEwMTExMTE0IiwgImFtb3VudCI6IDEwMCwgInNvbHV0aW9uVHlwZSI6ICJEUVJfREVWSUNFIiwgImV4cGlyZXNJbiI6IDE4MH0="
	printedEDC = "ewogICJtZXJjaGFudElkIjogIk1FUkNIQU5UVUFUIiwKICAic3RvcmVJZCI6ICJNUzI0MDMyMTIwMDQwNDY5OTgyMDQyMDEiLAogICJvcmRlcklkIjogInRlc3RvcmRlcjEiLAogICJ0ZXJtaW5hbElkIjogIk1TVDI0MDUzMDEyMTMwOTA4NTcxNjM1NjUiLAogICJ0cmFuc2FjdGlvbklkIjogInRlc3RfdHJhbnNhY3Rpb24xIiwKICAiYW1vdW50IjogMjAwLAogICJwYXltZW50TW9kZXMiOiBbCiAgICAiQ0FSRCIsCiAgICAiRFFSIgogIF0sCiAgInRpbWVBbGxvd2VkRm9ySGFuZG92ZXJUb1Rlcm1pbmFsU2Vjb25kcyI6IDYwLAogICJpbnRlZ3JhdGlvbk1hcHBpbmdUeXBlIjogIk9ORV9UT19PTkUiCn0="
	// printedCollect begins with spaces and a line break.
	printedCollect = "eyAgCiAgICJtZXJjaGFudElkIjoiTUVSQ0hBTlRVQVQiLAogICAidHJhbnNhY3Rpb25JZCI6IlRYMTIzNDU2Nzg5IiwKICAgIm1lcmNoYW50T3JkZXJJZCI6Ik0xMjM0NTY3ODkiLAogICAiYW1vdW50IjoxMDAsCiAgICJpbnN0cnVtZW50VHlwZSI6IlZQQSIsCiAgICJpbnN0cnVtZW50UmVmZXJlbmNlIjoidGVzdHZwYUB5YmwiLAogICAibWVzc2FnZSI6IkNvbGxlY3QgZm9yIHRoZSBYWFggb3JkZXIiLAogICAiZW1haWwiOiJhbWl0eHh4NzVAZ21haWwuY29tIiwKICAgImV4cGlyZXNJbiI6MTgwLAogICAic2hvcnROYW1lIjoiQ3VzdG9tZXIiLAogICAic3ViTWVyY2hhbnRJZCI6IkRlbW9NZXJjaGFudCIKfQ=="
)

// TestPrintedSamples: what the documents print is taken as it stands, once.
func TestPrintedSamples(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for _, tt := range []struct {
		path, printed string
		answer        map[string]any
		again         int
		duplicate     string
	}{
		{initPath, printedDQR, fields{"merchantId": "COGWAVEOFFLINE", "transactionId": "TXN0019440", "amount": 100.0}, 409, "DUPLICATE_TRANSACTION_ID"},
		{initPath, printedEDC, fields{"merchantId": "MERCHANTUAT", "transactionId": "test_transaction1", "amount": 200.0}, 409, "DUPLICATE_TRANSACTION_ID"},
		{collectPath, printedCollect, fields{"merchantId": "MERCHANTUAT", "transactionId": "TX123456789", "amount": 100.0}, 417, "INVALID_TRANSACTION_ID"},
	} {
		send := func() answer {
			// PHP's json_encode writes every slash as \/, of which base64 has some.
			r := httptest.NewRequest("POST", payapi.Prefix+tt.path, strings.NewReader(`{"request":"`+strings.ReplaceAll(tt.printed, "/", `\/`)+`"}`))
			r.Header.Set("X-VERIFY", xverify.Header(tt.printed, tt.path, merchantKey, 1))
			return d.send(r)
		}
		a := send()
		if a.status != http.StatusOK || a.Message != "Your request has been successfully completed." {
			t.Fatalf("%s: %d %s", tt.path, a.status, a.raw)
		}
		for field, want := range tt.answer {
			if a.Data[field] != want {
				t.Errorf("%s: %s is %v, want %v", tt.path, field, a.Data[field], want)
			}
		}
		_, hasReference := a.Data["providerReferenceId"]
		if hasReference != (tt.path == collectPath) {
			t.Errorf("%s: data %v", tt.path, a.Data)
		}
		if b := send(); b.status != tt.again || b.Code != tt.duplicate {
			t.Errorf("%s again: %d %s", tt.path, b.status, b.raw)
		}
	}
}

// TestDocumentedMessages: the descriptions of the documents' code table, letter
// by letter, but for the two codes whose samples show another message, and v3's
// sentences that the documents give.
func TestDocumentedMessages(t *testing.T) {
	t.Parallel()
	v1, v3 := map[string]string{}, map[string]string{}
	for _, row := range payapi.Codes() {
		v1[string(row.Code)] = row.Message
	}
	for _, row := range payapi.Codes3() {
		v3[string(row.Code)] = row.Message
	}
	for code, message := range map[string]string{
		"SUCCESS":                                "Your request has been successfully completed.",
		"SOLUTION_NOT_ENABLED":                   "EDC Sale API is not enabled for the merchant",
		"UNAUTHORIZED":                           "checksum verification failed",
		"INVALID_MERCHANT_ID":                    "The merchant id is invalid or activated",
		"INVALID_STORE_ID":                       "The passed Store Id is invalid",
		"INVALID_TERMINAL_ID":                    "The passed Terminal ID is invalid",
		"DUPLICATE_TRANSACTION_ID":               "The transaction id you have entered seems to be invalid. [message = Duplicate transaction id]",
		"INVALID_TRANSACTION_ID":                 "The format of Transaction ID is invalid",
		"INVALID_INTEGRATION_MAPPING_TYPE":       "The Integration_Mapping_Type param is having invalid fields",
		"INVALID_SHORTCODE_LENGTH":               "The shortCode length is not valid as per the API needs",
		"INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL": "The Terminal is not in integrated mode",
		"SHORT_CODE_IS_REQUIRED":                 "The Shortcode is mandatory as per the API needs",
		"SHORT_CODE_NOT_REQUIRED":                "Short Order Id is not required",
		"INVALID_TERMINAL_HANDOVER_TIME":         "No Active request exists.",
		"INVALID_AMOUNT":                         "The amount value is not valid as per API needs",
		"INVALID_PAYMENT_MODES":                  "The paymentModes is not valid",
		"CANCEL_REQUESTED":                       "Payment is in progress, check the status",
	} {
		if v1[code] != message {
			t.Errorf("%s says %q, want %q", code, v1[code], message)
		}
	}
	for code, message := range map[string]string{
		"SUCCESS":                   "Your request has been successfully completed.",
		"PAYMENT_PENDING":           "Payment is in progress, please wait for sometime.",
		"PAYMENT_ALREADY_COMPLETED": "Payment is already complete.",
	} {
		if v3[code] != message {
			t.Errorf("v3's %s says %q, want %q", code, v3[code], message)
		}
	}
	// The duplicate and the badly formed id share a code, not a message.
	if m := payapi.Codes3(); !containsRow(m, payapi.CodeRow{Code: "INVALID_TRANSACTION_ID", HTTPStatus: 417, Message: "duplicate transaction id"}) {
		t.Errorf("v3 has no documented duplicate: %v", m)
	}
}

func containsRow(rows []payapi.CodeRow, row payapi.CodeRow) bool {
	for _, r := range rows {
		if r == row {
			return true
		}
	}
	return false
}
