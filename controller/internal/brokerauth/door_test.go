package brokerauth_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a bearer secret of tests"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func terminal(name string) protocol.Identity {
	return protocol.Identity{MerchantID: "M", StoreID: "shop", TerminalID: name}
}

// rows is the terminals as a database has them.
type rows map[protocol.Identity]fleet.Terminal

func (r rows) Terminal(_ context.Context, id protocol.Identity) (fleet.Terminal, error) {
	t, ok := r[id]
	if id.TerminalID == "broken" {
		return t, errors.New("the database says: secret-detail")
	}
	if !ok {
		return t, journal.ErrNotFound
	}
	return t, nil
}

// people are a terminal in each condition; the token of each is its name.
func people() rows {
	r := rows{}
	for _, name := range []string{"good", "other", "off", "revoked", "never", "broken"} {
		sum := sha256.Sum256([]byte(name))
		r[terminal(name)] = fleet.Terminal{Identity: terminal(name), Active: name != "off", PublicKey: []byte("key"), TokenHash: sum[:]}
	}
	for _, name := range []string{"revoked", "never"} {
		t := r[terminal(name)]
		t.PublicKey, t.TokenHash = nil, nil
		r[t.Identity] = t
	}
	return r
}

func newDoor(t testing.TB, log *slog.Logger) http.Handler {
	t.Helper()
	d, err := brokerauth.New(brokerauth.Config{Reader: people(), Secret: secret, Log: log})
	must(t, err)
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	d.Register(r)
	return r
}

// ask posts a body with the secret, and wants one of the two answers.
func ask(t testing.TB, h http.Handler, path, body, authorization string) string {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var a struct {
		Result      string `json:"result"`
		IsSuperuser *bool  `json:"is_superuser"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK ||
		!strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") ||
		a.IsSuperuser == nil || *a.IsSuperuser || a.Result != "allow" && a.Result != "deny" {
		t.Fatalf("%s: %d %s", body, w.Code, w.Body)
	}
	return a.Result
}

func object(fields map[string]any) string {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestWhoMayLogIn: client id and user name are the identity, and the password
// is the token of a terminal that is enrolled and active.
func TestWhoMayLogIn(t *testing.T) {
	t.Parallel()
	h := newDoor(t, slog.New(slog.DiscardHandler))
	for _, row := range []struct{ name, clientID, username, password, want string }{
		{"good", "M.shop.good", "M.shop.good", "good", "allow"},
		{"a wrong token", "M.shop.good", "M.shop.good", "guess", "deny"},
		{"another's token", "M.shop.good", "M.shop.good", "other", "deny"},
		{"no token", "M.shop.good", "M.shop.good", "", "deny"},
		{"another's client id", "M.shop.other", "M.shop.good", "good", "deny"},
		{"another's name", "M.shop.good", "M.shop.other", "good", "deny"},
		{"a client id of its own", "my-laptop", "M.shop.good", "good", "deny"},
		{"in other letters", "m.shop.good", "m.shop.good", "good", "deny"},
		{"no name", "", "", "", "deny"},
		{"no identity", "galla-controller", "galla-controller", "good", "deny"},
		{"a wildcard", "M.shop.+", "M.shop.+", "good", "deny"},
		{"switched off", "M.shop.off", "M.shop.off", "off", "deny"},
		{"revoked", "M.shop.revoked", "M.shop.revoked", "revoked", "deny"},
		{"revoked, without a token", "M.shop.revoked", "M.shop.revoked", "", "deny"},
		{"never enrolled", "M.shop.never", "M.shop.never", "never", "deny"},
		{"not there", "M.shop.nobody", "M.shop.nobody", "nobody", "deny"},
		{"the database is away", "M.shop.broken", "M.shop.broken", "broken", "deny"},
		{"a kick that is none", "M.shop.good", "M.shop.good", "kick.AAAA", "deny"},
	} {
		body := object(map[string]any{"clientid": row.clientID, "username": row.username, "password": row.password, "peerhost": "192.0.2.7"})
		if got := ask(t, h, brokerauth.AuthPath, body, "Bearer "+secret); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// TestWhatTheyMayDo is every terminal x topic x action: all of it is denied but
// what DESIGN section 4 gives to the terminal itself, while it is enrolled.
func TestWhatTheyMayDo(t *testing.T) {
	t.Parallel()
	h := newDoor(t, slog.New(slog.DiscardHandler))
	good := terminal("good")
	allowed := map[protocol.Identity]map[string]bool{}
	for _, id := range []protocol.Identity{good, terminal("other")} { // the others are not enrolled, or off
		allowed[id] = map[string]bool{
			"publish " + protocol.ReportTopic(id):    true,
			"publish " + protocol.PresenceTopic(id):  true,
			"subscribe " + protocol.CommandTopic(id): true,
		}
	}
	type manner struct {
		qos, retain        any
		publish, subscribe bool // good for that
	}
	manners := []manner{
		{1, false, true, true}, {0, false, true, true}, {"1", "false", true, true},
		{"0", "undefined", false, true}, {1, nil, false, true}, {1, "", false, true}, {1, true, false, true}, {"0", "true", false, true},
		{2, false, false, false}, {"2", "false", false, false}, {-1, false, false, false}, {1.5, false, false, false},
		{"one", false, false, false}, {"", "", false, false}, {nil, nil, false, false}, {[]int{1}, false, false, false}, {"01", false, false, false},
		{1, "perhaps", false, true}, {1, 0, false, true},
	}
	var topics []string
	for name := range people() {
		id := protocol.Identity(name)
		for _, topic := range []string{protocol.ReportTopic(id), protocol.PresenceTopic(id), protocol.CommandTopic(id)} {
			topics = append(topics, topic, topic+"/", topic+"/x", "/"+topic, "$share/g/"+topic, strings.ToUpper(topic))
		}
	}
	topics = append(topics, protocol.ReportFilter, protocol.PresenceFilter, "#", "+", "galla/#", "galla/v1/+/command", "galla/v1/M.shop.good/#",
		"galla/v1/M.shop.good/+", "galla/v1/M.shop.good/state", "galla/v2/M.shop.good/command", "$SYS/#", "", "galla/v1/M.shop.good/command\x00")
	seen := 0
	for id := range people() {
		for _, topic := range topics {
			for _, action := range []string{"publish", "subscribe", "all", "Publish", ""} {
				right := allowed[id][action+" "+topic]
				for i, m := range manners {
					if i > 1 && !right {
						break // wrong in one way is enough
					}
					body := object(map[string]any{"clientid": id, "username": id, "topic": topic, "action": action, "qos": m.qos, "retain": m.retain})
					want := "deny"
					if right && (m.publish && action == "publish" || m.subscribe && action == "subscribe") {
						want = "allow"
						seen++
					}
					if got := ask(t, h, brokerauth.ACLPath, body, "Bearer "+secret); got != want {
						t.Errorf("%s %s %q, qos %v, retain %v: %s, want %s", id, action, topic, m.qos, m.retain, got, want)
					}
				}
			}
		}
	}
	if seen != 2*(3+3+10) {
		t.Errorf("%d rows are allowed", seen)
	}
	// Under another client id, or a name of its own.
	for _, clientID := range []string{"M.shop.other", "", "x"} {
		body := object(map[string]any{"clientid": clientID, "username": good, "topic": protocol.ReportTopic(good), "action": "publish", "qos": 1, "retain": false})
		if ask(t, h, brokerauth.ACLPath, body, "Bearer "+secret) != "deny" {
			t.Errorf("as %q it may publish", clientID)
		}
	}
}

// TestQuestionsThatAreDenied: without the secret, or in another form than the
// documented one, the answer is a plain no and never an error status, which a
// broker would take for "ask the next".
func TestQuestionsThatAreDenied(t *testing.T) {
	t.Parallel()
	h := newDoor(t, slog.New(slog.DiscardHandler))
	good := `{"clientid":"M.shop.good","username":"M.shop.good","password":"good"}`
	for name, authorization := range map[string]string{
		"none": "", "another scheme": "Basic " + secret, "another secret": "Bearer another", "no secret": "Bearer ", "half of it": "Bearer " + secret[:10],
	} {
		if ask(t, h, brokerauth.AuthPath, good, authorization) != "deny" {
			t.Errorf("authorization: %s: allowed", name)
		}
	}
	if ask(t, h, brokerauth.AuthPath, good, "bearer "+secret) != "allow" {
		t.Error("the scheme's letters matter") // RFC 9110, 11.1
	}
	for name, body := range map[string]string{
		"nothing":                "",
		"not JSON":               "hello",
		"null":                   "null",
		"a list":                 "[" + good + "]",
		"two values":             good + good,
		"cut short":              good[:len(good)-1],
		"a number for a name":    `{"clientid":7,"username":7,"password":"good"}`,
		"a name twice":           strings.Replace(good, "{", `{"username":"M.shop.good",`, 1),
		"keys in other letters":  strings.NewReplacer("clientid", "ClientID").Replace(good),
		"not UTF-8":              strings.Replace(good, "good", "\xff", 1),
		"more than 64 KiB":       strings.Replace(good, "{", "{"+strings.Repeat(" ", 64<<10), 1),
		"nested a thousand deep": strings.Replace(good, "{", `{"x":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+`,`, 1),
	} {
		if ask(t, h, brokerauth.AuthPath, body, "Bearer "+secret) != "deny" {
			t.Errorf("%s: allowed", name)
		}
	}
	if _, err := brokerauth.New(brokerauth.Config{Secret: "short"}); err == nil {
		t.Error("a short secret is taken")
	}
}

// TestTheLog tells of strangers once a minute, and holds no secret.
func TestTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := newDoor(t, slog.New(slog.NewTextHandler(&log, nil)))
		for range 3 {
			for range 100 {
				ask(t, h, brokerauth.AuthPath, "{}", "Bearer guess")
			}
			time.Sleep(time.Minute)
		}
		ask(t, h, brokerauth.AuthPath, object(map[string]any{"clientid": "M.shop.broken", "username": "M.shop.broken", "password": "broken-token"}), "Bearer "+secret)
		if n := strings.Count(log.String(), "bearer secret"); n != 3 {
			t.Errorf("strangers are told of %d times in 3 minutes", n)
		}
		if !strings.Contains(log.String(), "M.shop.broken") || strings.Contains(log.String(), secret) || strings.Contains(log.String(), "broken-token") {
			t.Errorf("the log says\n%s", &log)
		}
	})
}

// FuzzQuestion: whatever a broker asks, it is answered; and it is allowed only
// what a plain reader of the body finds in it.
func FuzzQuestion(f *testing.F) {
	f.Add([]byte(`{"clientid":"M.shop.good","username":"M.shop.good","password":"good"}`))
	f.Add([]byte(`{"clientid":"M.shop.good","username":"M.shop.good","topic":"galla/v1/M.shop.good/report","action":"publish","qos":"1","retain":"false"}`))
	f.Add([]byte(`{"clientid":"M.shop.good","username":"M.shop.good","topic":"galla/v1/M.shop.good/command","action":"subscribe","qos":0}`))
	f.Add([]byte(`{"retain":1e0,"qos":[]}`))
	h := newDoor(f, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, body []byte) {
		var plain map[string]any
		err := json.Unmarshal(body, &plain)
		us := plain["clientid"] == "M.shop.good" && plain["username"] == "M.shop.good"
		if ask(t, h, brokerauth.AuthPath, string(body), "Bearer "+secret) == "allow" && (err != nil || !us || plain["password"] != "good") {
			t.Fatalf("%q may log in", body)
		}
		if ask(t, h, brokerauth.ACLPath, string(body), "Bearer "+secret) == "deny" {
			return
		}
		what := fmt.Sprint(plain["action"], " ", plain["topic"])
		own := what == "publish galla/v1/M.shop.good/report" || what == "publish galla/v1/M.shop.good/presence" || what == "subscribe galla/v1/M.shop.good/command"
		qos, retain := fmt.Sprint(plain["qos"]), fmt.Sprint(plain["retain"])
		if err != nil || !us || !own || qos != "0" && qos != "1" || plain["action"] == "publish" && retain != "false" {
			t.Fatalf("%q may do it", body)
		}
	})
}

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
