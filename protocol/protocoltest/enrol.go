package protocoltest

import "github.com/galla-pay/galla/protocol"

// EnrolCode is the code of the golden enrolment.
const EnrolCode = protocol.EnrolCode("K7QP-3XMD-9RTV")

// EnrolRequest is the golden request of a device that enrols with EnrolCode and
// Key("device"); its golden is enrol-request.json.
func EnrolRequest() protocol.EnrolCodeRequest {
	r, err := protocol.NewEnrolCodeRequest(EnrolCode, Key("device"))
	if err != nil {
		panic(err) // the key and the code are constants
	}
	return r
}
