package testservers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMosquittoKeepsItsPortOverRestart(t *testing.T) {
	t.Parallel()
	mq, err := StartMosquitto(t.Context(), "", "allow_anonymous true\n")
	must(t, err)
	defer mq.Stop()
	url := mq.URL()
	for _, end := range []func(){mq.Kill, mq.Shutdown, func() {}} {
		end()
		must(t, mq.Restart(t.Context()))
		if mq.URL() != url {
			t.Errorf("URL changed from %s to %s", url, mq.URL())
		}
		c, code := mqttConnect(t, mq, connectOptions{clientID: "anybody", keepAlive: 30})
		if code != accepted || c.subscribe("a") != 1 {
			t.Errorf("after restart: connect %d", code)
		}
	}
	mq.Kill()
	if mq.Running() || answers(t.Context(), mq.Addr()) == nil {
		t.Error("killed, and still there")
	}
}

func TestMosquittoWrongConfigurationIsAnErrorWithTheLog(t *testing.T) {
	t.Parallel()
	_, err := StartMosquitto(t.Context(), "", "no_such_setting 1\n")
	refused(t, err, "no_such_setting")
	_, err = StartMosquitto(t.Context(), "", "listener 1883\nlistener 1884\n")
	refused(t, err, "more than one listener")
}

func TestReplaceValuesWantsEachNameOnce(t *testing.T) {
	t.Parallel()
	const conf = "# plugin of the house\nplugin /a.so\nplugin_opt_config_file /a.json\n"
	got, err := replaceValues(conf, map[string]string{"plugin": "/b.so"})
	must(t, err)
	if want := strings.Replace(conf, "/a.so", "/b.so", 1); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = replaceValues(conf, map[string]string{"pid_file": "/b"})
	refused(t, err, `0 lines "pid_file"`)
	_, err = replaceValues(conf+conf, map[string]string{"plugin": "/b.so"})
	refused(t, err, `2 lines "plugin"`)
}

// terminals starts the deployed configuration with two terminals, provisioned as
// the controller does it: each bound to its own client id and its own topics.
func terminals(t *testing.T) *Mosquitto {
	t.Helper()
	mq, err := StartHardenedMosquitto(t.Context(), "")
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the broker (running: %v) says:\n%s", mq.Running(), mq.Log())
		}
		mq.Stop()
	})
	for _, id := range []string{"m.s.one", "m.s.two"} {
		for _, words := range [][]string{
			{"createRole", id},
			{"addRoleACL", id, "subscribeLiteral", "galla/v1/" + id + "/command", "allow"},
			{"addRoleACL", id, "publishClientSend", "galla/v1/" + id + "/report", "allow"},
			{"createClient", id, "-c", id, "-p", "secret-" + id},
			{"addClientRole", id, id},
		} {
			must(t, mq.Dynsec(t.Context(), words...))
		}
	}
	return mq
}

func as(id string) connectOptions {
	return connectOptions{clientID: id, username: id, password: "secret-" + id, keepAlive: 30}
}

// Failure matrix, section 0, item 2, and T4 to T6: who may come in, and how.
func TestHardenedMosquittoRefusesAtConnect(t *testing.T) {
	t.Parallel()
	mq := terminals(t)
	with := func(change func(*connectOptions)) connectOptions {
		o := as("m.s.one")
		change(&o)
		return o
	}
	for _, row := range []struct {
		name string
		try  connectOptions
		want byte
	}{
		{"a terminal", as("m.s.one"), accepted},
		{"anonymous", connectOptions{clientID: "m.s.one", keepAlive: 30}, notAuthorised},
		{"wrong password", with(func(o *connectOptions) { o.password = "secret-m.s.two" }), notAuthorised},
		{"unknown user", with(func(o *connectOptions) { o.username = "m.s.three" }), notAuthorised},
		{"another's client id", with(func(o *connectOptions) { o.clientID = "m.s.two" }), notAuthorised},
		{"no client id", with(func(o *connectOptions) { o.clientID = "" }), identifierRejected},
		{"no client id, session kept", with(func(o *connectOptions) { o.clientID, o.persistent = "", true }), identifierRejected},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, got := mqttConnect(t, mq, row.try); got != row.want {
				t.Errorf("CONNACK %d, want %d", got, row.want)
			}
		})
	}
	t.Run("retained will", func(t *testing.T) {
		_, got := mqttConnect(t, mq, with(func(o *connectOptions) { o.willTopic, o.willRetain = "galla/v1/m.s.one/presence", true }))
		if got == accepted {
			t.Error("accepted")
		}
	})
}

func TestHardenedMosquittoKeepsTerminalsApart(t *testing.T) {
	t.Parallel()
	mq := terminals(t)
	admin, code := mqttConnect(t, mq, connectOptions{clientID: "admin", username: mq.AdminUsername, password: mq.AdminPassword, keepAlive: 30})
	if code != accepted || admin.subscribe("galla/v1/+/report") != 1 {
		t.Fatalf("administrator: CONNACK %d", code)
	}
	victim, _ := mqttConnect(t, mq, as("m.s.two"))
	if got := victim.subscribe("galla/v1/m.s.two/command"); got != 1 {
		t.Fatalf("own topic: granted %#x", got)
	}
	for _, filter := range []string{"galla/v1/m.s.two/command", "galla/v1/+/command", "#", "$SYS/#", "$share/g/galla/v1/m.s.two/command", "$CONTROL/dynamic-security/v1/response"} {
		thief, _ := mqttConnect(t, mq, as("m.s.one"))
		if got := thief.subscribe(filter); got != 0x80 {
			t.Errorf("subscribe to %s: granted %#x", filter, got)
		}
	}
	forger, code := mqttConnect(t, mq, func() connectOptions {
		o := as("m.s.one")
		o.willTopic = "galla/v1/m.s.two/command"
		return o
	}())
	if code == accepted {
		// The broker acknowledges what it throws away; the will is sent on a broken line.
		must(t, forger.publish("galla/v1/m.s.two/command", "PAID"))
		must(t, forger.publish("galla/v1/m.s.two/report", "PAID"))
		must(t, forger.publish("$CONTROL/dynamic-security/v1", `{"commands":[{"command":"deleteClient","username":"m.s.two"}]}`))
		forger.conn.Close()
	}
	// The first message that anybody reads is the good one, sent after the forged.
	good, _ := mqttConnect(t, mq, as("m.s.one"))
	must(t, good.publish("galla/v1/m.s.one/report", "good"))
	if got := admin.next(); got != "good" {
		t.Errorf("administrator read %q", got)
	}
	must(t, admin.publish("galla/v1/m.s.two/command", "sale"))
	if got := victim.next(); got != "sale" {
		t.Errorf("victim read %q", got)
	}
}

func TestHardenedMosquittoCutsWhoSendsTooMuch(t *testing.T) {
	t.Parallel()
	mq := terminals(t)
	const topic = "galla/v1/m.s.one/report"
	fits := 16640 - (2 + len(topic) + 2) // topic with its length, packet id
	for _, row := range []struct {
		size int
		cut  bool
	}{{fits - 3, false}, {fits + 1, true}, {1 << 20, true}} {
		t.Run(fmt.Sprint(row.size), func(t *testing.T) {
			c, _ := mqttConnect(t, mq, as("m.s.one"))
			body := append(mqttString(nil, topic), 0, 7)
			// The broker may close while we still write.
			_, _ = c.conn.Write(mqttPacket(0x32, append(body, make([]byte, row.size)...)))
			head, _, err := c.read()
			if cut := err != nil; cut != row.cut {
				t.Errorf("cut: %v (%x, %v)", cut, head, err)
			}
		})
	}
	t.Run("256 MiB announced before login", func(t *testing.T) {
		conn, err := net.Dial("tcp4", mq.Addr())
		must(t, err)
		defer conn.Close()
		must(t, conn.SetDeadline(time.Now().Add(startLimit)))
		_, err = conn.Write([]byte{0x10, 0xff, 0xff, 0xff, 0x7f})
		must(t, err)
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("not cut: %v", err)
		}
	})
	t.Run("retained", func(t *testing.T) {
		c, _ := mqttConnect(t, mq, as("m.s.one"))
		c.send(mqttPacket(0x33, append(append(mqttString(nil, topic), 0, 7), "PAID"...)))
		if head, _, err := c.read(); err == nil {
			t.Errorf("answered with %x", head)
		}
	})
}

// The deployed file keeps what the controller provisioned, and nothing else.
func TestHardenedMosquittoRemembersTerminalsOverKill(t *testing.T) {
	t.Parallel()
	mq := terminals(t)
	connected, _ := mqttConnect(t, mq, as("m.s.two"))
	must(t, mq.Dynsec(t.Context(), "deleteClient", "m.s.two"))
	if head, _, err := connected.read(); err == nil {
		t.Errorf("revoked while connected, and got %x", head)
	}
	mq.Kill()
	must(t, mq.Restart(t.Context()))
	if _, code := mqttConnect(t, mq, as("m.s.one")); code != accepted {
		t.Errorf("provisioned terminal: CONNACK %d", code)
	}
	if _, code := mqttConnect(t, mq, as("m.s.two")); code != notAuthorised {
		t.Errorf("revoked terminal: CONNACK %d", code)
	}
	refused(t, mq.Dynsec(t.Context(), "getClient", "m.s.two"), "Client not found")
}
