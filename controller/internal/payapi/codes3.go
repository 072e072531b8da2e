package payapi

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// The codes of the v3 routes that v1 does not have. Values are on the wire:
// never change one.
const (
	CodeAuthorizationFailed Code = "AUTHORIZATION_FAILED"
	CodeNotFound            Code = "TRANSACTION_NOT_FOUND"
	CodePaymentSuccess      Code = "PAYMENT_SUCCESS"
	CodePaymentError        Code = "PAYMENT_ERROR"
	CodePaymentPending      Code = "PAYMENT_PENDING"
	CodePaymentCancelled    Code = "PAYMENT_CANCELLED"
	CodePaymentDeclined     Code = "PAYMENT_DECLINED"
	CodeRequestExpired      Code = "REQUEST_EXPIRED"
)

// codes3 is the one table of the v3 vocabulary (phonepe-api: v3 codes). A code
// with two meanings has two rows.
var codes3 = []CodeRow{
	{CodeSuccess, http.StatusOK, "Your request has been successfully completed."},
	{CodePaymentSuccess, http.StatusOK, "Your payment is successful."},
	{CodePaymentPending, http.StatusOK, "Payment is in progress, please wait for sometime."},
	{CodePaymentError, http.StatusOK, "Payment failed."},
	{CodePaymentCancelled, http.StatusOK, "Payment was cancelled."},
	{CodePaymentDeclined, http.StatusOK, "Payment was declined by the customer."},
	{CodeRequestExpired, http.StatusOK, "The request has expired."},
	{CodeCancelRequested, http.StatusOK, "Payment is in progress, check the status"},
	{CodeBadRequest, http.StatusBadRequest, "The request is not valid"},
	{CodeAuthorizationFailed, http.StatusUnauthorized, "checksum verification failed"},
	{CodeInvalidTransaction, http.StatusExpectationFailed, "duplicate transaction id"},
	{CodeInvalidTransaction, http.StatusBadRequest, "The format of Transaction ID is invalid"},
	{CodeNotFound, http.StatusNotFound, "No transaction of the merchant has this id"},
	{CodeAlreadyCompleted, http.StatusBadRequest, "Payment is already complete."},
	{CodeAlreadyEnded, http.StatusBadRequest, "Payment has already ended"},
	{CodeTooMany, http.StatusTooManyRequests, "Too many requests. Please wait before trying again."},
	{CodeInternal, http.StatusInternalServerError, messageCheckStatus},
}

// Codes3 lists the v3 codes.
func Codes3() []CodeRow { return append([]CodeRow(nil), codes3...) }

// message3 is a code's sentence on v3 routes.
func message3(code Code) string {
	for _, row := range codes3 {
		if row.Code == code {
			return row.Message
		}
	}
	return ""
}

func isV3(c *gin.Context) bool { return strings.HasPrefix(c.FullPath(), "/v3/") }

// inV3 says a refusal in the words of v3, which has few: what is wrong with a
// field is a BAD_REQUEST that names it.
func (r *Refusal) inV3() *Refusal {
	v := *r
	switch r.Code {
	case CodeUnauthorized:
		v.Code, v.HTTPStatus, v.Text = CodeAuthorizationFailed, http.StatusUnauthorized, message3(CodeAuthorizationFailed)
	case CodeDuplicate:
		v.Code, v.HTTPStatus, v.Text = CodeInvalidTransaction, http.StatusExpectationFailed, message3(CodeInvalidTransaction)
	case CodeInvalidTransaction:
		if r.unknown {
			v.Code, v.HTTPStatus, v.Text = CodeNotFound, http.StatusNotFound, message3(CodeNotFound)
		}
	case CodeInvalidMerchant, CodeInvalidStore, CodeInvalidTerminal, CodeInvalidAmount, CodeSolutionNotEnabled:
		v.Code, v.HTTPStatus, v.Text = CodeBadRequest, http.StatusBadRequest, r.message()
	}
	return &v
}
