package network_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/controller/internal/upiapi"
	"github.com/galla-pay/galla/protocol/xverify"
)

// collectSample is the request of the collect API's printed sample, base64 as it
// stands there: MERCHANTUAT asks testvpa@ybl for 100 paise within 180 s.
const collectSample = "eyAgCiAgICJtZXJjaGFudElkIjoiTUVSQ0hBTlRVQVQiLAogICAidHJhbnNhY3Rpb25JZCI6IlRYMTIzNDU2Nzg5IiwKICAgIm1lcmNo" +
	"YW50T3JkZXJJZCI6Ik0xMjM0NTY3ODkiLAogICAiYW1vdW50IjoxMDAsCiAgICJpbnN0cnVtZW50VHlwZSI6IlZQQSIsCiAgICJpbnN0" +
	"cnVtZW50UmVmZXJlbmNlIjoidGVzdHZwYUB5YmwiLAogICAibWVzc2FnZSI6IkNvbGxlY3QgZm9yIHRoZSBYWFggb3JkZXIiLAogICAi" +
	"ZW1haWwiOiJhbWl0eHh4NzVAZ21haWwuY29tIiwKICAgImV4cGlyZXNJbiI6MTgwLAogICAic2hvcnROYW1lIjoiQ3VzdG9tZXIiLAog" +
	"ICAic3ViTWVyY2hhbnRJZCI6IkRlbW9NZXJjaGFudCIKfQ=="

// The collect sample, posted as it stands, is accepted; the customer's bank gets
// the request and accepts; status says SUCCESS; and the merchant is told by a
// callback that verifies (phonepe-api: Collect, Callback).
func TestCollectSample(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pos := make(chan *http.Request, 1)
	bodies := make(chan []byte, 1)
	till := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		pos <- q
		bodies <- body
	}))
	t.Cleanup(till.Close)

	// The doors, as the controller has them.
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	payapi.New(payapi.Config{
		Journal: r.Journal, Reader: r.DB, Directory: r.Directory, LinkKey: r.LinkKey, OrgID: "MER101", Sandbox: true, Log: r.Log,
	}).Register(engine)
	upiapi.New(upiapi.Config{
		Journal: r.Journal, Reader: r.DB, Directory: r.Directory, LinkKey: &r.LinkKey.PublicKey, OrgID: "MER101", Sandbox: true,
		Log: r.Log, Sign: ours().sign, Certificate: []byte(ours().pem()),
	}).Register(engine)
	controller := httptest.NewServer(payapi.StripPrefix(engine))
	t.Cleanup(controller.Close)
	sender, err := callback.New(callback.Config{
		Outbox: storagetest.Outbox{Storage: r.DB}, Log: r.Log, AllowPrivate: true,
		Sign: func([]byte) (string, error) { return "header..signature", nil },
		Render: func(ctx context.Context, id string) (callback.Notice, error) {
			p, err := r.DB.PaymentByID(ctx, id)
			if err != nil {
				return callback.Notice{}, err
			}
			key, ok := r.People.SaltKey(p.Signer, p.SignerIndex)
			body, err := payapi.StatusAnswer(p)
			if !ok {
				err = fmt.Errorf("no salt key of %s", p.Signer)
			}
			return callback.Notice{Body: body, SaltKey: string(key.Secret), SaltIndex: 1}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	inner := r.OnCommit
	r.OnCommit = func(c decide.Changes) {
		inner(c)
		sender.Wake()
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); sender.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-over })

	// The customer accepts as soon as his bank has the request.
	asked := make(chan sent, 1)
	r.bank.set(func(b *bank) {
		b.answer = func(s sent) string {
			if s.root == "ReqCollect" {
				asked <- s
			}
			return ""
		}
	})
	r.start(r.overSockets())

	post := func(path, body string, header map[string]string) (int, string) {
		t.Helper()
		q, err := http.NewRequest("POST", controller.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range header {
			q.Header.Set(name, value)
		}
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(text)
	}
	status, answer := post("/v3/charge", `{"request":"`+collectSample+`"}`, map[string]string{
		"Content-Type": "application/json", "X-VERIFY": xverify.Header(collectSample, "/v3/charge", "sandbox-merchant-key", 1),
		"X-CALLBACK-URL": till.URL + "/s2s",
	})
	var charged struct {
		Success bool
		Code    string
		Data    struct {
			TransactionID, MerchantID, ProviderReferenceID string
			Amount                                         int64
		}
	}
	if err := json.Unmarshal([]byte(answer), &charged); err != nil || status != 200 || !charged.Success || charged.Code != "SUCCESS" ||
		charged.Data.TransactionID != "TX123456789" || charged.Data.MerchantID != "MERCHANTUAT" || charged.Data.Amount != 100 {
		t.Fatalf("%d %s %v", status, answer, err)
	}

	var request sent
	select {
	case request = <-asked:
	case <-time.After(10 * time.Second):
		t.Fatal("the bank was not asked")
	}
	f := request.fields
	if !request.signedBy(ours()) || f["PayerAddr"] != "testvpa@ybl" || f["Amount"] != "1.00" || f["TxnID"] != charged.Data.ProviderReferenceID ||
		f["Note"] != "Collect for the XXX order" || f["ExpireAfter"] != "180" && f["ExpireAfter"] != "179" {
		t.Errorf("the bank was asked %v", f)
	}
	status, answer = post("/api/v1/collect/result", fmt.Sprintf(`<ReqCollectResult><MsgID>R1</MsgID><Ts>2026-06-12T10:30:00Z</Ts>`+
		`<OrgID>MER101</OrgID><OrgTxnID>%s</OrgTxnID><TxnID>YBL0001</TxnID><Status>SUCCESS</Status><PayerAddr>testvpa@ybl</PayerAddr>`+
		`<Amount>1.00</Amount><Rrn>632600000001</Rrn></ReqCollectResult>`, f["TxnID"]), nil)
	if status != 200 || !strings.Contains(answer, "<Status>00</Status>") || !(sent{raw: answer}).signedBy(ours()) {
		t.Fatalf("the bank was answered %d %s", status, answer)
	}

	var notice struct{ Response string }
	select {
	case q := <-pos:
		body := <-bodies
		if err := json.Unmarshal(body, &notice); err != nil || q.URL.Path != "/s2s" {
			t.Fatalf("%s %s: %v", q.URL, body, err)
		}
		sum, index, err := xverify.Parse(q.Header.Get("X-VERIFY"))
		if err != nil || index != 1 || !xverify.Check(sum, notice.Response, "", "sandbox-merchant-key") {
			t.Errorf("the callback does not verify: %s, %v", q.Header.Get("X-VERIFY"), err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no callback came")
	}
	said, err := xverify.DecodeBody(notice.Response)
	if err != nil || !strings.Contains(string(said), "TX123456789") || !strings.Contains(string(said), "SUCCESS") {
		t.Errorf("the callback says %s, %v", said, err)
	}

	path := "/v3/transaction/MERCHANTUAT/TX123456789/status"
	q, err := http.NewRequest("GET", controller.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("X-VERIFY", xverify.Header("", path, "sandbox-merchant-key", 1))
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || !strings.Contains(string(text), "PAYMENT_SUCCESS") || !strings.Contains(string(text), "632600000001") {
		t.Errorf("status says %s, %v", text, err)
	}
	if n := r.meter.count("COLLECT " + network.ResultDone); n != 1 {
		t.Errorf("results %s", r.meter)
	}
}
