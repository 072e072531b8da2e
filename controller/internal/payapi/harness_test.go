package payapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/protocol/xverify"
)

// door is the API with a real house behind it.
type door struct {
	t       testing.TB
	handler http.Handler
	*doortest.House
}

func newDoor(t testing.TB, change ...func(*merchant.Data)) *door {
	t.Helper()
	return newDoorOf(t, doortest.New(t, change...))
}

func newDoorOf(t testing.TB, house *doortest.House) *door {
	t.Helper()
	return &door{t: t, House: house, handler: newEngine(payapi.New(payapi.Config{
		Journal: house.Journal, Reader: house.Storage, Directory: house.Directory, LinkKey: house.LinkKey,
		OrgID: "MER101", Sandbox: true, Log: house.Log,
	}))}
}

// newEngine puts a door on an engine as the controller does.
func newEngine(a *payapi.API) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed, r.RedirectTrailingSlash = true, false
	r.Use(payapi.RequestID)
	r.NoRoute(payapi.NotFound)
	r.NoMethod(payapi.MethodNotAllowed)
	a.Register(r)
	return payapi.StripPrefix(r)
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	raw     string
	Success bool
	Code    string
	Message string
	Data    map[string]any
}

func (d *door) send(r *http.Request) answer {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		d.t.Fatal(err)
	}
	a := answer{status: w.Code, header: w.Result().Header, raw: string(body)}
	form := struct {
		*answer
		Data json.RawMessage
	}{answer: &a}
	if err := json.Unmarshal(body, &form); err != nil {
		d.t.Fatalf("the answer is not JSON: %s", body)
	}
	if strings.HasPrefix(string(form.Data), "{") { // a search answers a list
		if err := json.Unmarshal(form.Data, &a.Data); err != nil {
			d.t.Fatal(err)
		}
	}
	return a
}

const (
	initPath    = "/v1/payment/init"
	merchantKey = "sandbox-merchant-key"
	providerKey = "sandbox-provider-key"
)

// sample is the DQR sample's payload; change sets or, with nil, removes fields.
func sample(change map[string]any) map[string]any {
	p := map[string]any{
		"storeId": "teststore1", "merchantId": "MERCHANTUAT", "terminalId": "testterminal1",
		"merchantTransactionId": "TXN0015985", "orderId": "MRCHN1RORDID10111114", "amount": 100,
		"solutionType": "DQR_DEVICE", "expiresIn": 180,
	}
	for k, v := range change {
		if v == nil {
			delete(p, k)
		} else {
			p[k] = v
		}
	}
	return p
}

// signed is an init with a right X-VERIFY.
func signed(t testing.TB, payload any) *http.Request {
	t.Helper()
	text, ok := payload.(string)
	if !ok {
		b, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	encoded := xverify.EncodeBody([]byte(text))
	r := httptest.NewRequest("POST", initPath, strings.NewReader(`{"request":"`+encoded+`"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-VERIFY", xverify.Header(encoded, initPath, merchantKey, 1))
	return r
}

func (d *door) init(change map[string]any) answer {
	d.t.Helper()
	return d.send(signed(d.t, sample(change)))
}

func (d *door) status(merchantID, id, key string, header ...string) answer {
	d.t.Helper()
	path := "/v1/payment/" + merchantID + "/" + id + "/status"
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("X-VERIFY", xverify.Header("", path, key, 1))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return d.send(r)
}
