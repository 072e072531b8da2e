package phone_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// picture draws a panel of 240x320 as a terminal does: a dark screen, the QR on
// white with a quiet zone, whole pixels per module. An empty text is a screen
// without a QR.
func picture(t testing.TB, text string) []byte {
	t.Helper()
	screen := image.NewRGBA(image.Rect(0, 0, 240, 320))
	draw.Draw(screen, screen.Bounds(), image.NewUniform(color.RGBA{R: 16, G: 24, B: 32, A: 255}), image.Point{}, draw.Src)
	if text != "" {
		matrix, err := qrcode.NewQRCodeWriter().EncodeWithoutHint(text, gozxing.BarcodeFormat_QR_CODE, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		side := matrix.GetWidth()
		scale := 240 / side
		if scale < 2 {
			t.Fatalf("%d modules are too many for the panel", side)
		}
		for y := range side {
			for x := range side {
				module := color.Color(color.White)
				if matrix.Get(x, y) {
					module = color.Black
				}
				at := image.Rect(x*scale, 60+y*scale, (x+1)*scale, 60+(y+1)*scale)
				draw.Draw(screen, at, image.NewUniform(module), image.Point{}, draw.Src)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, screen); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// counter is a shop: a panel that shows a QR, and the UPI side of a controller
// that knows this one payment. It judges as upi-switch says, over the same HTTP
// and XML, with one payment where a controller has a database.
type counter struct {
	t   *testing.T
	key *ecdsa.PrivateKey

	mu        sync.Mutex
	screens   [][]byte // one for each look, the last one for good
	looks     []time.Time
	token     string // given and not yet spent
	attempted bool
	acceptAll bool // forget all rules: a broken controller
	silent    bool // cut the connection instead of answering ReqPay
	messages  []string
}

func (c *counter) link() upiuri.Link {
	made := time.Now().UTC().Truncate(time.Second)
	return upiuri.Link{
		Ver: "01", Mode: "16", PA: "merchant@upi", PN: "Sharma & Sons", MC: "5411", TR: "GL7Q201", AM: 24500, CU: "INR",
		OrgID: "MER101", QRts: made, QRexpire: made.Add(3 * time.Minute),
	}
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{t: t, key: key}
	c.show(c.signed(c.link()))
	return c
}

func (c *counter) signed(l upiuri.Link) string {
	c.t.Helper()
	text, err := upiuri.Sign(l, c.key)
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// show sets what the panel shows, one QR text for each look.
func (c *counter) show(texts ...string) {
	c.t.Helper()
	c.screens = nil
	for _, text := range texts {
		c.screens = append(c.screens, picture(c.t, text))
	}
}

// ServeHTTP is the panel and the controller, told apart by the path.
func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/panel.png":
		c.looks = append(c.looks, time.Now())
		_, _ = w.Write(c.screens[0])
		if len(c.screens) > 1 {
			c.screens = c.screens[1:]
		}
	case npci.PathValidate:
		c.messages = append(c.messages, string(body))
		c.validate(w, body)
	case npci.PathPay:
		c.messages = append(c.messages, string(body))
		if c.silent {
			panic(http.ErrAbortHandler)
		}
		c.pay(w, body)
	default:
		http.NotFound(w, r)
	}
}

func (c *counter) validate(w io.Writer, body []byte) {
	var m struct{ MsgID, OrgID, Curr, Amount, Mcc, RefUrl string }
	if err := xml.Unmarshal(body, &m); err != nil {
		c.t.Errorf("ReqValQr: %v\n%s", err, body)
	}
	text, err := base64.StdEncoding.DecodeString(m.RefUrl)
	if err != nil {
		c.t.Errorf("RefUrl %q: %v", m.RefUrl, err)
	}
	amount, _ := protocol.ParseRupees(m.Amount)
	status := "00"
	link, err := upiuri.Verify(string(text), &c.key.PublicKey)
	switch {
	case c.acceptAll:
	case err != nil:
		status = "ZF"
	case amount != link.AM:
		status = "ZQ"
	case c.attempted:
		status = "ZD"
	}
	if m.OrgID != "MER101" || m.Curr != "INR" || m.Mcc != "5411" {
		c.t.Errorf("ReqValQr says %+v", m)
	}
	fmt.Fprintf(w, "<RespValQr><MsgID>%s</MsgID><Status>%s</Status>", m.MsgID, status)
	if status == "00" {
		c.token = rand.Text()
		fmt.Fprintf(w, "<VerToken>%s</VerToken><ExpiresAt>2030-01-01T00:00:00Z</ExpiresAt>", c.token)
	} else {
		fmt.Fprint(w, "<Message>refused here</Message>")
	}
	fmt.Fprint(w, "<Ts>2026-06-12T10:30:00Z</Ts></RespValQr>")
}

func (c *counter) pay(w io.Writer, body []byte) {
	var m struct{ MsgID, TxnID, VerToken, Amount, Curr, PayerAddr, PayeeAddr string }
	if err := xml.Unmarshal(body, &m); err != nil {
		c.t.Errorf("ReqPay: %v\n%s", err, body)
	}
	status, settled := "00", "243.77"
	switch {
	case c.acceptAll:
	case m.VerToken != c.token:
		status = "ZE"
	case m.Amount != "245.00" || m.PayeeAddr != "merchant@upi" || m.Curr != "INR":
		status = "ZE"
	case m.PayerAddr == "decline@upi":
		status = "IP08"
	}
	if status != "00" {
		settled = "0.00"
	}
	c.token, c.attempted = "", true
	fmt.Fprintf(w, "<RespPay><MsgID>%s</MsgID><Status>%s</Status><TxnID>%s</TxnID><SettlementAmount>%s</SettlementAmount>"+
		"<Timestamp>2026-06-12T10:30:00Z</Timestamp></RespPay>", m.MsgID, status, m.TxnID, settled)
}

// open serves the counter over real HTTP and returns the customer's options.
func (c *counter) open() phone.Options {
	server := httptest.NewServer(c)
	c.t.Cleanup(server.Close)
	return phone.Options{PanelURL: server.URL + "/panel.png", UPIURL: server.URL}
}

// across is the counter without a network between, for the tests that run in
// fake time.
type across struct{ http.Handler }

func (a across) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	a.ServeHTTP(w, r)
	return w.Result(), nil
}
