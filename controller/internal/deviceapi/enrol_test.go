package deviceapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/deviceapi"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door is the enrolment with a real house behind it.
type door struct {
	t       *testing.T
	handler http.Handler
	*doortest.House
}

func newDoor(t *testing.T, config deviceapi.Config, change ...func(*merchant.Data)) *door {
	t.Helper()
	house := doortest.New(t, change...)
	keySet, err := protocol.SignKeySet(protocoltest.Key("root"), 1, protocoltest.Public("online"))
	must(t, err)
	config.Journal, config.Log = house.Journal, house.Log
	config.Brokers = []string{"mqtt://127.0.0.1:1883"}
	config.RootKey, config.KeySet = protocoltest.Public("root"), func() []byte { return keySet }
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	deviceapi.New(config).Register(r)
	return &door{t, r, house}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var me = protocoltest.Identity

// asking is a good request, from this machine, with the device key of that name.
func asking(key string) *http.Request {
	body, err := json.Marshal(protocol.EnrolRequest{
		MerchantID: me.MerchantID, StoreID: me.StoreID, TerminalID: me.TerminalID, PublicKey: protocoltest.Public(key),
	})
	if err != nil {
		panic(err)
	}
	return from("127.0.0.1:40000", "127.0.0.1:8080", string(body))
}

func from(remote, host, body string) *http.Request {
	r := httptest.NewRequest("POST", protocol.EnrolPath, strings.NewReader(body))
	r.RemoteAddr, r.Host = remote, host
	return r
}

func (d *door) send(r *http.Request) *httptest.ResponseRecorder {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	if got := w.Result().Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		d.t.Errorf("Content-Type %q", got)
	}
	return w
}

// refused wants that answer, and nothing changed.
func (d *door) refused(name string, r *http.Request, status int, code string) protocol.EnrolError {
	d.t.Helper()
	before := d.row()
	w := d.send(r)
	var e protocol.EnrolError
	must(d.t, json.Unmarshal(w.Body.Bytes(), &e))
	if w.Code != status || e.Code != code || e.Message == "" {
		d.t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, status, code)
	}
	if after := d.row(); fmt.Sprint(after) != fmt.Sprint(before) {
		d.t.Errorf("%s: refused, and the terminal changed to %+v", name, after)
	}
	return e
}

// enrolled wants success, and the answer to be all that a terminal needs.
func (d *door) enrolled(r *http.Request) protocol.EnrolAnswer {
	d.t.Helper()
	w := d.send(r)
	var a protocol.EnrolAnswer
	must(d.t, json.Unmarshal(w.Body.Bytes(), &a))
	if w.Code != http.StatusOK || a.Identity != me || fmt.Sprint(a.Brokers) != "[mqtt://127.0.0.1:1883]" {
		d.t.Fatalf("%d %s", w.Code, w.Body)
	}
	root, err := a.Root()
	must(d.t, err)
	version, keys, err := protocol.OpenKeySet([]byte(a.KeySet), root)
	must(d.t, err)
	if !root.Equal(protocoltest.Public("root")) || version != 1 || !keys[protocoltest.Key("online").ID].Equal(protocoltest.Public("online")) {
		d.t.Errorf("root %x, key set %d %v", root, version, keys)
	}
	if token, err := base64.RawURLEncoding.Strict().DecodeString(a.Token); err != nil || len(token) != 32 {
		d.t.Errorf("token of %d bytes: %v", len(token), err)
	}
	return a
}

func (d *door) row() fleet.Terminal {
	d.t.Helper()
	row, err := d.DB.Terminal(d.t.Context(), me)
	must(d.t, err)
	return row
}

// TestWhoMayEnrol: this machine alone, and addresses that were named; never a
// page in somebody's browser (phonepe-api: The sandbox).
func TestWhoMayEnrol(t *testing.T) {
	t.Parallel()
	containers := []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16"), netip.MustParsePrefix("fe80::/10")}
	const loopback = "127.0.0.1:40000"
	for _, row := range []struct {
		name, remote, host, origin string
		allow                      []netip.Prefix
		ok                         bool
	}{
		{"this machine by address", loopback, "127.0.0.1:8080", "", nil, true},
		{"this machine by name", loopback, "localhost:8080", "", nil, true},
		{"this machine without a port", loopback, "localhost", "", nil, true},
		{"this machine by IPv6", "[::1]:40000", "[::1]:8080", "", nil, true},
		{"this machine by IPv6 without a port", "[::1]:40000", "[::1]", "", nil, true},
		{"this machine, IPv4 in IPv6", "[::ffff:127.0.0.1]:40000", "127.0.0.1:8080", "", nil, true},
		{"all of 127/8", "127.8.9.10:40000", "127.0.0.1:8080", "", nil, true},
		{"a foreign address", "192.0.2.7:40000", "192.0.2.1:8080", "", nil, false},
		{"a foreign address that says localhost", "192.0.2.7:40000", "localhost:8080", "", nil, false},
		{"a foreign address by IPv6", "[2001:db8::7]:40000", "[2001:db8::1]:8080", "", nil, false},
		{"a foreign address, IPv4 in IPv6", "[::ffff:192.0.2.7]:40000", "192.0.2.1", "", nil, false},
		{"a container that is not named", "172.17.0.5:40000", "controller:8080", "", nil, false},
		{"a container that is named", "172.17.0.5:40000", "controller:8080", "", containers, true},
		{"a named container by address", "172.17.0.5:40000", "172.17.0.2:8080", "", containers, true},
		{"a named container, IPv4 in IPv6", "[::ffff:172.17.0.5]:40000", "172.17.0.2:8080", "", containers, true},
		{"a named address with a zone", "[fe80::5%eth0]:40000", "[fe80::1]:8080", "", containers, true},
		{"a neighbour of the named ones", "172.18.0.5:40000", "controller:8080", "", containers, false},
		{"this machine while containers may", loopback, "127.0.0.1:8080", "", containers, true},
		{"rebinding: a foreign name for this machine", loopback, "evil.example:8080", "", nil, false},
		{"rebinding: a name that looks like localhost", loopback, "localhost.evil.example", "", nil, false},
		{"rebinding: a name that begins like an address", loopback, "127.0.0.1.evil.example:8080", "", nil, false},
		{"rebinding: a subdomain of localhost", loopback, "evil.localhost", "", nil, false},
		{"rebinding: a short name", loopback, "intranet:8080", "", nil, false},
		{"rebinding while containers may", loopback, "evil.example:8080", "", containers, false},
		{"rebinding towards a container", "172.17.0.5:40000", "evil.example", "", containers, false},
		{"no host", loopback, "", "", nil, false},
		{"no host while containers may", "172.17.0.5:40000", "", "", containers, false},
		{"a page of somebody else's", loopback, "127.0.0.1:8080", "https://evil.example", nil, false},
		{"a page without an origin of its own", loopback, "127.0.0.1:8080", "null", nil, false},
		{"a page of this machine's", loopback, "localhost:8080", "http://localhost:8080", nil, false},
		{"an address that is none", "somewhere", "127.0.0.1:8080", "", nil, false},
		{"a socket file", "@", "localhost", "", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, deviceapi.Config{AllowFrom: row.allow})
			r := asking("device")
			r.RemoteAddr, r.Host = row.remote, row.host
			if row.origin != "" {
				r.Header.Set("Origin", row.origin)
			}
			r.Header.Set("X-Forwarded-For", "127.0.0.1") // says nothing
			r.Header.Set("Forwarded", "for=127.0.0.1")
			if row.ok {
				d.enrolled(r)
			} else {
				d.refused(row.name, r, http.StatusForbidden, "FORBIDDEN")
			}
		})
	}
}

// TestBadRequests: each gets a code and a sentence, and changes nothing.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	d := newDoor(t, deviceapi.Config{}, func(data *merchant.Data) { data.Terminals[1].Active = false })
	key := base64.StdEncoding.EncodeToString(protocoltest.Public("device"))
	body := func(merchantID, storeID, terminalID, publicKey string) string {
		return fmt.Sprintf(`{"merchantId":%q,"storeId":%q,"terminalId":%q,"publicKey":%q}`, merchantID, storeID, terminalID, publicKey)
	}
	for _, row := range []struct{ name, body, code string }{
		{"nothing", "", "BAD_REQUEST"},
		{"not JSON", "hello", "BAD_REQUEST"},
		{"a list", "[]", "BAD_REQUEST"},
		{"cut short", `{"merchantId":"M"`, "BAD_REQUEST"},
		{"a number for an id", `{"merchantId":1}`, "BAD_REQUEST"},
		{"a key that is not base64", body(me.MerchantID, me.StoreID, me.TerminalID, "***"), "BAD_REQUEST"},
		{"no key", body(me.MerchantID, me.StoreID, me.TerminalID, ""), "BAD_REQUEST"},
		{"a key too short", body(me.MerchantID, me.StoreID, me.TerminalID, "AAAA"), "BAD_REQUEST"},
		{"a key too long", body(me.MerchantID, me.StoreID, me.TerminalID, key[:40]+"AAAA"+key[40:]), "BAD_REQUEST"},
		{"more than 4 KiB", `{"x":"` + strings.Repeat("A", 4<<10) + `",` + body(me.MerchantID, me.StoreID, me.TerminalID, key)[1:], "BAD_REQUEST"},
		{"null", "null", "INVALID_TERMINAL_ID"},
		{"no ids", `{}`, "INVALID_TERMINAL_ID"},
		{"no merchant", body("", me.StoreID, me.TerminalID, key), "INVALID_TERMINAL_ID"},
		{"a dot in an id", body("M.x", me.StoreID, me.TerminalID, key), "INVALID_TERMINAL_ID"},
		{"a wildcard", body(me.MerchantID, me.StoreID, "#", key), "INVALID_TERMINAL_ID"},
		{"an id too long", body(me.MerchantID, me.StoreID, strings.Repeat("x", 65), key), "INVALID_TERMINAL_ID"},
		{"a terminal that there is not", body(me.MerchantID, me.StoreID, "nothing", key), "INVALID_TERMINAL_ID"},
		{"a terminal of another store", body(me.MerchantID, "MS2603301457425143586306", me.TerminalID, key), "INVALID_TERMINAL_ID"},
		{"a terminal of another merchant", body("MERCHANTTWO", me.StoreID, me.TerminalID, key), "INVALID_TERMINAL_ID"},
		{"a terminal that is not active", body("MERCHANTUAT", "MS2603301457425143586306", "MST2603301758302811969831", key), "INVALID_TERMINAL_ID"},
	} {
		d.refused(row.name, from("127.0.0.1:40000", "localhost", row.body), http.StatusBadRequest, row.code)
	}
}

// TestEnrolment: the answer is all that a terminal needs; what is kept of the
// token is its hash, and a new enrolment replaces token and key.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	type call struct {
		id    protocol.Identity
		token string
	}
	var provisioned []call
	var kicked []protocol.Identity
	var d *door
	d = newDoor(t, deviceapi.Config{
		Provision: func(_ context.Context, id protocol.Identity, token string) error {
			// Whoever comes in by it is to find the row that knows it.
			if sum := sha256.Sum256([]byte(token)); !bytes.Equal(d.row().TokenHash, sum[:]) {
				t.Error("provisioned before it is stored")
			}
			provisioned = append(provisioned, call{id, token})
			return nil
		},
		Kick: func(id protocol.Identity) { kicked = append(kicked, id) },
	})
	tokens := map[string]bool{}
	for n, key := range []string{"device", "device", "another device"} {
		a := d.enrolled(asking(key))
		sum := sha256.Sum256([]byte(a.Token))
		if row := d.row(); !bytes.Equal(row.TokenHash, sum[:]) || !bytes.Equal(row.PublicKey, protocoltest.Public(key)) || row.Session != "" {
			t.Errorf("row %+v", row)
		}
		if len(provisioned) != n+1 || provisioned[n] != (call{me, a.Token}) || len(kicked) != n+1 || kicked[n] != me {
			t.Errorf("provisioned %v, kicked %v", provisioned, kicked)
		}
		tokens[a.Token] = true
	}
	if len(tokens) != 3 {
		t.Errorf("%d tokens in 3 enrolments", len(tokens))
	}
}

// TestProvisionFails: where the broker cannot be told, the terminal is told to
// come again, and then it works.
func TestProvisionFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the broker says: secret-detail")
	fail := true
	d := newDoor(t, deviceapi.Config{
		Provision: func(context.Context, protocol.Identity, string) error {
			if fail {
				return broken
			}
			return nil
		},
		Kick: func(protocol.Identity) {
			if fail {
				t.Error("cut, although the new token does not work")
			}
		},
	})
	w := d.send(asking("device"))
	var e protocol.EnrolError
	must(t, json.Unmarshal(w.Body.Bytes(), &e))
	if w.Code != http.StatusServiceUnavailable || e.Code != "INTERNAL_SERVER_ERROR" || w.Header().Get("Retry-After") != "1" ||
		strings.Contains(w.Body.String(), "secret-detail") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	fail = false
	d.enrolled(asking("device"))
}

// TestJournalClosed: nobody is enrolled by a controller that is going down.
func TestJournalClosed(t *testing.T) {
	t.Parallel()
	d := newDoor(t, deviceapi.Config{Provision: func(context.Context, protocol.Identity, string) error {
		t.Error("provisioned what was not stored")
		return nil
	}})
	must(t, d.Journal.Close(t.Context()))
	if w := d.send(asking("device")); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if d.row().Enrolled() {
		t.Error("enrolled all the same")
	}
}

// TestRoute: the path is the protocol's, and it is only posted to.
func TestRoute(t *testing.T) {
	t.Parallel()
	d := newDoor(t, deviceapi.Config{})
	for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS"} {
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, httptest.NewRequest(method, protocol.EnrolPath, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}
