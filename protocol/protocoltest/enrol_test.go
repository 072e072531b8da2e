package protocoltest_test

import (
	"encoding/json"
	"testing"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// TestGoldenEnrolment: the request of a device that enrols by a code is written
// as it was, to the byte, and is read back.
func TestGoldenEnrolment(t *testing.T) {
	text, err := json.Marshal(protocoltest.EnrolRequest())
	if err != nil {
		t.Fatal(err)
	}
	check(t, "enrol-request.json", text)
	var back protocol.EnrolCodeRequest
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if code, err := back.Open(); err != nil || code != protocoltest.EnrolCode {
		t.Errorf("read as a request for %q, %v", code.Text(), err)
	}
}
