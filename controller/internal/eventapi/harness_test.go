package eventapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/eventapi"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol/xverify"
)

const (
	uat, cogwave, second = "MERCHANTUAT", "COGWAVEOFFLINE", "MERCHANTTWO"
	provider             = "MERCHANTPROVIDER"
	merchantKey          = "sandbox-merchant-key"
	secondKey            = "sandbox-second-key"
	providerKey          = "sandbox-provider-key"
)

// door is the door with a real house behind it.
type door struct {
	*eventapi.API
	*doortest.House
	handler http.Handler
	compose func(eventID string) error // what goes wrong with an event; nil: nothing
}

func newDoor(t testing.TB, change func(*eventapi.Config), people ...func(*merchant.Data)) *door {
	t.Helper()
	house := doortest.New(t, people...)
	d := &door{House: house}
	cfg := eventapi.Config{
		Feed: any(house.DB).(eventapi.Feed), Directory: house.Directory, Log: house.Log,
		Verify: verifier(house.Directory),
		Compose: func(_ context.Context, eventID, paymentID string, at time.Time) (http.Header, []byte, error) {
			if d.compose != nil {
				if err := d.compose(eventID); err != nil {
					return nil, nil, err
				}
			}
			h := http.Header{"X-VERIFY": {"sum###1"}}
			h.Set("X-Galla-Event-Id", eventID)
			h.Set("X-Galla-Timestamp", strconv.FormatInt(at.UnixMilli(), 10))
			return h, fmt.Appendf(nil, `{"response":"<%s>"}`, paymentID), nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	d.API = eventapi.New(cfg)
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	d.Register(r)
	d.handler = r
	return d
}

// verifier checks X-VERIFY as the payment API does (phonepe-api: Wire rules).
func verifier(dir func() *merchant.Directory) func(*gin.Context, string, string) error {
	return func(c *gin.Context, merchantID, path string) error {
		owner := merchantID
		_, known := dir().Merchant(merchantID)
		if p := c.GetHeader(eventapi.HeaderProvider); p != "" {
			who, ok := dir().Provider(p)
			owner, known = p, known && ok && who.Merchants[merchantID]
		}
		sum, index, err := xverify.Parse(c.GetHeader("X-VERIFY"))
		key, found := dir().SaltKey(owner, strconv.Itoa(index))
		if err != nil || !known || !found || !key.Live(time.Now()) || !xverify.Check(sum, "", path, string(key.Secret)) {
			return errors.New("checksum")
		}
		return nil
	}
}

// sell commits events as decisions do, each with a later time.
func (d *door) sell(t testing.TB, merchantID string, events ...string) {
	t.Helper()
	for _, e := range events {
		err := d.DB.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
			return decide.Changes{Callbacks: []decide.Callback{
				{EventID: e, PaymentID: "pay-" + e, MerchantID: merchantID, URL: "https://pos.example.in/cb", At: s.Now},
			}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	raw     string
	Success bool
	Code    string
	Message string
	Data    *struct {
		Events []struct {
			Cursor, EventID, Method, Body string
			CreatedAt                     int64
			Headers                       map[string]string
		}
		After, Next string
	}
}

func (a answer) events() (ids []string) {
	if a.Data != nil {
		for _, e := range a.Data.Events {
			ids = append(ids, e.EventID)
		}
	}
	return ids
}

// ask sends a request that is rightly signed by the merchant, if key is "".
func (d *door) ask(t testing.TB, merchantID, key, query string, header ...string) answer {
	t.Helper()
	r := request(t.Context(), merchantID, key, query, header...)
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Result().Header, raw: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("the answer is not JSON: %s", a.raw)
	}
	return a
}

func request(ctx context.Context, merchantID, key, query string, header ...string) *http.Request {
	if key == "" {
		key = merchantKey
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, eventapi.Path, nil)
	r.URL.RawQuery = query
	r.Header.Set("X-VERIFY", xverify.Header("", eventapi.Path, key, 1))
	if merchantID != "" {
		r.Header.Set(eventapi.HeaderMerchant, merchantID)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// after is the query that goes on behind a cursor.
func after(cursor string, more string) string { return "after=" + url.QueryEscape(cursor) + more }
