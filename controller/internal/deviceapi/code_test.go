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
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/deviceapi"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// codeDoor is the enrolment by codes with a real house behind it, as a
// production controller serves it.
type codeDoor struct {
	*door
	registrar *enrol.Registrar
}

func newCodeDoor(t *testing.T, config deviceapi.Config, change ...func(*merchant.Data)) *codeDoor {
	t.Helper()
	house := doortest.New(t, change...)
	key, err := enrol.LoadKey(t.Context(), house.DB)
	must(t, err)
	registrar := &enrol.Registrar{Storage: house.DB, Key: key, Log: house.Log}
	keySet, err := protocol.SignKeySet(protocoltest.Key("root"), 1, protocoltest.Public("online"))
	must(t, err)
	config.Journal, config.Log, config.Codes = house.Journal, house.Log, registrar
	config.Brokers = []string{"mqtt://127.0.0.1:1883"}
	config.RootKey, config.KeySet = protocoltest.Public("root"), func() []byte { return keySet }
	return &codeDoor{&door{t, engine(t, config), house}, registrar}
}

// engine serves codes and nothing else; as the controller, it believes no
// forwarding header.
func engine(t *testing.T, config deviceapi.Config) http.Handler {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	must(t, r.SetTrustedProxies(nil))
	deviceapi.New(config).RegisterCodes(r)
	return r
}

// code makes one for the terminal of the tests.
func (d *codeDoor) code() protocol.EnrolCode {
	d.t.Helper()
	code, _, err := d.registrar.NewCode(d.t.Context(), me, "operator:asha")
	must(d.t, err)
	return protocol.EnrolCode(code)
}

// bring is a good request with the device key of that name, from far away.
func bring(code protocol.EnrolCode, key string) *http.Request {
	r, err := protocol.NewEnrolCodeRequest(code, protocoltest.Key(key))
	if err != nil {
		panic(err)
	}
	body, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return posted(string(body))
}

func posted(body string) *http.Request {
	r := httptest.NewRequest("POST", protocol.EnrolCodePath, strings.NewReader(body))
	r.RemoteAddr, r.Host = "192.0.2.7:40000", "pay.example"
	return r
}

// TestEnrolmentByCode: the answer is all that a terminal needs; what is kept of
// the token is its hash; the broker is told once that is stored.
func TestEnrolmentByCode(t *testing.T) {
	t.Parallel()
	var d *codeDoor
	var provisioned []string
	d = newCodeDoor(t, deviceapi.Config{
		KeySet: func() []byte { return protocoltest.JWS("keys") },
		Provision: func(_ context.Context, id protocol.Identity, token string) error {
			if sum := sha256.Sum256([]byte(token)); id != me || !bytes.Equal(d.row().TokenHash, sum[:]) {
				t.Error("provisioned before it is stored")
			}
			provisioned = append(provisioned, token)
			return nil
		},
	})
	a := d.enrolled(bring(d.code(), "device"))
	if !bytes.Equal(d.row().PublicKey, protocoltest.Public("device")) || len(provisioned) != 1 || provisioned[0] != a.Token {
		t.Errorf("row %+v, provisioned %v", d.row(), provisioned)
	}
	// As somebody types it.
	request := bring(d.code(), "second")
	body := new(bytes.Buffer)
	_, err := body.ReadFrom(request.Body)
	must(t, err)
	var fields map[string]string
	must(t, json.Unmarshal(body.Bytes(), &fields))
	fields["code"] = strings.ToLower(strings.ReplaceAll(fields["code"], "-", " "))
	typed, err := json.Marshal(fields)
	must(t, err)
	d.enrolled(posted(string(typed)))
	if !bytes.Equal(d.row().PublicKey, protocoltest.Public("second")) {
		t.Errorf("row %+v", d.row())
	}
}

// TestCodesThatAreRefused: an unknown handle, a wrong secret, a used code, one
// that is too old and one that is void are told apart by nobody.
func TestCodesThatAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newCodeDoor(t, deviceapi.Config{})
		ask := func(r *http.Request) string {
			w := d.send(r)
			return fmt.Sprint(w.Code, w.Header(), w.Body)
		}
		wrong := func(c protocol.EnrolCode) protocol.EnrolCode { return protocol.EnrolCode(c.Handle() + "-2222-2222") }
		answers := map[string]string{"unknown handle": ask(bring("2222-2222-2222", "device"))}
		code := d.code()
		answers["wrong secret"] = ask(bring(wrong(code), "device"))
		d.enrolled(bring(code, "device"))
		answers["used"] = ask(bring(code, "thief"))
		void := d.code()
		for range enrol.MaxWrong {
			answers["wrong secret again"] = ask(bring(wrong(void), "thief"))
		}
		answers["void"] = ask(bring(void, "device"))
		old := d.code()
		answers["replaced"] = ask(bring(void, "device"))
		time.Sleep(enrol.Lifetime)
		answers["too old"] = ask(bring(old, "device"))
		first := d.code()
		d.code()
		answers["an older one"] = ask(bring(first, "device"))
		must(t, d.registrar.Unenrol(t.Context(), me, "operator:asha"))
		answers["after a revocation"] = ask(bring(code, "device"))
		for name, answer := range answers {
			if answer != answers["unknown handle"] || !strings.HasPrefix(answer, "403") || !strings.Contains(answer, `"FORBIDDEN"`) {
				t.Errorf("%s: %s\nand an unknown handle: %s", name, answer, answers["unknown handle"])
			}
		}
		if d.row().Enrolled() {
			t.Error("enrolled all the same")
		}
	})
}

// TestALostAnswer: the device that spent a code may ask again with it and is
// given a new token; the one that it never heard is worth nothing.
func TestALostAnswer(t *testing.T) {
	t.Parallel()
	broken := true
	d := newCodeDoor(t, deviceapi.Config{Provision: func(context.Context, protocol.Identity, string) error {
		if broken {
			return errors.New("the broker says: secret-detail")
		}
		return nil
	}})
	code := d.code()
	// Stored, and then the broker cannot be told.
	w := d.send(bring(code, "device"))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || strings.Contains(w.Body.String(), "secret-detail") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	broken = false
	lost := d.enrolled(bring(code, "device"))
	heard := d.enrolled(bring(code, "device"))
	if sum := sha256.Sum256([]byte(heard.Token)); lost.Token == heard.Token || !bytes.Equal(d.row().TokenHash, sum[:]) {
		t.Error("the token that was heard last is not the one that counts")
	}
	d.refused("another device with the same code", bring(code, "thief"), http.StatusForbidden, "FORBIDDEN")
}

// TestTwoDevicesOneCode: exactly one wins, and only its key is believed.
func TestTwoDevicesOneCode(t *testing.T) {
	t.Parallel()
	for range 5 {
		d := newCodeDoor(t, deviceapi.Config{})
		code := d.code()
		var answers [2]*httptest.ResponseRecorder
		var race sync.WaitGroup
		for i := range answers {
			race.Go(func() { answers[i] = d.send(bring(code, fmt.Sprint("device", i))) })
		}
		race.Wait()
		won := 0
		if answers[0].Code != http.StatusOK {
			won = 1
		}
		if answers[won].Code != http.StatusOK || answers[1-won].Code != http.StatusForbidden {
			t.Fatalf("answers %d and %d", answers[0].Code, answers[1].Code)
		}
		if !bytes.Equal(d.row().PublicKey, protocoltest.Public(fmt.Sprint("device", won))) {
			t.Errorf("device %d won, and the row is %+v", won, d.row())
		}
	}
}

// TestBadCodeRequests: each gets a code and a sentence, spends nothing and
// counts as no guess.
func TestBadCodeRequests(t *testing.T) {
	t.Parallel()
	d := newCodeDoor(t, deviceapi.Config{})
	code := d.code()
	good, err := protocol.NewEnrolCodeRequest(code, protocoltest.Key("device"))
	must(t, err)
	key, proof := base64.StdEncoding.EncodeToString(good.PublicKey), good.Proof
	body := func(code, publicKey, proof string) string {
		return fmt.Sprintf(`{"code":%q,"publicKey":%q,"proof":%q}`, code, publicKey, proof)
	}
	right := body(code.Text(), key, proof)
	other, err := protocol.NewEnrolCodeRequest("2222-2222-2222", protocoltest.Key("device"))
	must(t, err)
	for i, row := range []struct{ name, body string }{
		{"nothing", ""},
		{"not JSON", "hello"},
		{"null", "null"},
		{"a list", "[" + right + "]"},
		{"nothing in it", "{}"},
		{"cut short", right[:len(right)-1]},
		{"two values", right + "{}"},
		{"a trailing comma", strings.TrimSuffix(right, "}") + ",}"},
		{"a key twice", strings.TrimSuffix(right, "}") + `,"code":"2222-2222-2222"}`},
		{"a key in other letters", strings.Replace(right, `"code"`, `"Code"`, 1)},
		{"a key more", strings.TrimSuffix(right, "}") + `,"storeId":"x"}`},
		{"a key too few", strings.Replace(right, `"proof":`, `"prof":`, 1)},
		{"a number for a code", `{"code":7,"publicKey":"","proof":""}`},
		{"null for a code", `{"code":null,"publicKey":"","proof":""}`},
		{"an object for a code", `{"code":{"code":"x"},"publicKey":"","proof":""}`},
		{"nested a thousand deep", `{"code":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`},
		{"not UTF-8", strings.Replace(right, code.Handle(), "\xff\xff\xff\xff", 1)},
		{"more than 64 KiB", strings.Replace(right, "{", "{"+strings.Repeat(" ", 64<<10), 1)},
		{"no code", body("", key, proof)},
		{"a code with an O", body("K7QO-3XMD-9RTV", key, proof)},
		{"a code too long", body(code.Text()+"2", key, proof)},
		{"no key at all", body(code.Text(), "", proof)},
		{"a key that is not base64", body(code.Text(), "***", proof)},
		{"a key with a line break", body(code.Text(), key[:20]+"\n"+key[20:], proof)},
		{"a key too short", body(code.Text(), "AAAA", proof)},
		{"no proof", body(code.Text(), key, "")},
		{"a proof for another code", body(code.Text(), key, other.Proof)},
		{"a proof by another key", body(code.Text(), base64.StdEncoding.EncodeToString(protocoltest.Public("other")), proof)},
	} {
		r := posted(row.body)
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:40000", i) // none is told to wait
		d.refused(row.name, r, http.StatusBadRequest, "BAD_REQUEST")
	}
	r := posted(right)
	r.Header.Set("Origin", "https://pay.example")
	d.refused("from a web page", r, http.StatusForbidden, "FORBIDDEN")
	err = d.DB.TryEnrolCode(t.Context(), code.Handle(), func(f enrol.Found) (enrol.Outcome, error) {
		if f.Code.Wrong != 0 || f.Code.SpentBy != nil {
			t.Errorf("the code became %+v", f.Code)
		}
		return enrol.Outcome{}, nil
	})
	must(t, err)
	d.enrolled(posted(right))
}

// TestATerminalThatIsSwitchedOff is told so only by the right code, which stays
// good.
func TestATerminalThatIsSwitchedOff(t *testing.T) {
	t.Parallel()
	d := newCodeDoor(t, deviceapi.Config{})
	code := d.code()
	set := func(active bool) {
		needs := decide.Needs{Terminals: []protocol.Identity{me}}
		must(t, d.DB.Apply(t.Context(), journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
			row := s.Terminals[me]
			row.Active = active
			return decide.Changes{Terminals: []fleet.Terminal{row}}, nil
		}))
	}
	set(false)
	d.refused("off", bring(code, "device"), http.StatusBadRequest, "INVALID_TERMINAL_ID")
	set(true)
	d.enrolled(bring(code, "device"))
}

// TestEnrolledAnewAfterARevocation: not at once, so that no controller cuts the
// new device off in place of the old one; then with the same code.
func TestEnrolledAnewAfterARevocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newCodeDoor(t, deviceapi.Config{})
		d.enrolled(bring(d.code(), "device"))
		must(t, d.registrar.Unenrol(t.Context(), me, "operator:asha"))
		if d.row().Enrolled() {
			t.Error("still enrolled")
		}
		code := d.code()
		w := d.send(bring(code, "new device"))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "5" {
			t.Errorf("at once: %d %s", w.Code, w.Body)
		}
		time.Sleep(enrol.Settle)
		d.enrolled(bring(code, "new device"))
	})
}

// TestCodeRoute: the path is the protocol's, it is only posted to, and a door
// for codes has no door without.
func TestCodeRoute(t *testing.T) {
	t.Parallel()
	d := newCodeDoor(t, deviceapi.Config{})
	for _, r := range []*http.Request{
		httptest.NewRequest("GET", protocol.EnrolCodePath, nil),
		httptest.NewRequest("PUT", protocol.EnrolCodePath, nil),
		asking("device"),
	} {
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s %s: %d", r.Method, r.URL, w.Code)
		}
	}
}
