package mosquitto_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

func TestProvisionedTerminalWorks(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := join(t, s.Mosquitto, controller())
	for _, filter := range []string{protocol.ReportFilter, protocol.PresenceFilter} {
		if !c.subscribe(filter) {
			t.Fatalf("the controller may not subscribe to %s", filter)
		}
	}
	me := terminal(gina, ginasToken)
	me.willTopic, me.will = protocol.PresenceTopic(gina), "session 1 is gone"
	g := join(t, s.Mosquitto, me)
	if !g.subscribe(protocol.CommandTopic(gina)) {
		t.Fatal("gina may not subscribe to its command topic")
	}
	g.publish(protocol.ReportTopic(gina), "sync")
	c.hears(protocol.ReportTopic(gina), "sync")
	c.publish(protocol.CommandTopic(gina), "state")
	g.hears(protocol.CommandTopic(gina), "state")
	hangUp(t, s.Mosquitto, g, me)
	c.hears(protocol.PresenceTopic(gina), "session 1 is gone")
}

// TestT4MatrixOnMosquitto: who may say and hear what, against the broker as it
// is deployed. What the broker does with a forbidden publish cannot be seen by
// the publisher; so a fence follows it, and nothing may come before that.
func TestT4MatrixOnMosquitto(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := join(t, s.Mosquitto, controller())
	if !c.subscribe("galla/v1/#") {
		t.Fatal("the controller may not subscribe to galla/v1/#")
	}
	victim := join(t, s.Mosquitto, terminal(gina, ginasToken))
	if !victim.subscribe(protocol.CommandTopic(gina)) {
		t.Fatal("gina may not listen")
	}
	thief := join(t, s.Mosquitto, terminal(hari, harisToken))

	t.Run("read", func(t *testing.T) {
		for _, filter := range []string{
			"#", "+", "+/+/+/+", "galla/#", "galla/v1/#", "galla/v1/+/command", "galla/v1/+/+",
			"galla/v1/M1.shop.till-1/command", "galla/v1/M1.shop.till-1/#", "galla/v1/M1.shop.till-1/report",
			"galla/v1/M1.shop.till-2/#", "galla/v1/M1.shop.till-2/+", "galla/v1/M1.shop.till-2/report",
			"galla/v1/M1.shop.till-2/presence", "galla/v1/M1.shop.till-2/command/x",
			"$share/g/galla/v1/M1.shop.till-1/command", "$share/g/galla/v1/+/command", "$share/g/#",
			"$SYS/#", "$CONTROL/#", "$CONTROL/dynamic-security/v1/response",
		} {
			if thief.subscribe(filter) {
				t.Errorf("hari may subscribe to %s", filter)
			}
		}
		if !thief.subscribe(protocol.CommandTopic(hari)) {
			t.Fatal("hari may not listen")
		}
		c.publish(protocol.CommandTopic(gina), "QR of gina")
		c.hears(protocol.CommandTopic(gina), "QR of gina")
		c.publish(protocol.CommandTopic(hari), "fence")
		c.hears(protocol.CommandTopic(hari), "fence")
		thief.hears(protocol.CommandTopic(hari), "fence")
		victim.hears(protocol.CommandTopic(gina), "QR of gina")
	})
	t.Run("write", func(t *testing.T) {
		for n, topic := range []string{
			protocol.CommandTopic(gina), protocol.ReportTopic(gina), protocol.PresenceTopic(gina),
			protocol.CommandTopic(hari), protocol.ReportTopic(hari) + "/x", "galla/v1/x", "$SYS/broker/version",
			"$CONTROL/dynamic-security/v1", "$share/g/" + protocol.CommandTopic(gina),
		} {
			p, err := connect(t, s.Mosquitto, terminal(hari, harisToken))
			must(t, err)
			if strings.HasPrefix(topic, "$CONTROL") {
				p.publish(topic, `{"commands":[{"command":"deleteClient","username":"`+gina.String()+`"}]}`)
			} else {
				p.client.Publish(topic, 1, false, "PAID") // may end the connection
			}
			p.client.Disconnect(100)
			p, err = connect(t, s.Mosquitto, terminal(hari, harisToken))
			must(t, err)
			fence := fmt.Sprint("fence ", n)
			p.publish(protocol.ReportTopic(hari), fence)
			if got, want := c.next(), protocol.ReportTopic(hari)+" "+fence; got != want {
				t.Errorf("after a PUBLISH to %s the controller heard %q", topic, got)
			}
			p.client.Disconnect(100)
		}
		c.publish(protocol.CommandTopic(gina), "fence")
		victim.hears(protocol.CommandTopic(gina), "fence")
	})
}

func TestT1UnauthorisedWillIsNotDeliveredByMosquitto(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := join(t, s.Mosquitto, controller())
	if !c.subscribe("galla/v1/#") {
		t.Fatal("the controller may not subscribe")
	}
	victim := join(t, s.Mosquitto, terminal(gina, ginasToken))
	if !victim.subscribe(protocol.CommandTopic(gina)) {
		t.Fatal("gina may not listen")
	}
	for _, topic := range []string{
		protocol.CommandTopic(gina), protocol.PresenceTopic(gina), protocol.ReportTopic(gina),
		protocol.CommandTopic(hari), "galla/v1/x", "$SYS/x",
	} {
		me := terminal(hari, harisToken)
		me.willTopic, me.will = topic, "PAID"
		p, err := connect(t, s.Mosquitto, me)
		if err != nil {
			continue // refused at once: better
		}
		hangUp(t, s.Mosquitto, p, me)
	}
	// Retained wills are refused at CONNECT, even its own.
	me := terminal(hari, harisToken)
	me.willTopic, me.will, me.retainWill = protocol.PresenceTopic(hari), "PAID", true
	if _, err := connect(t, s.Mosquitto, me); !errors.Is(err, errRefused) {
		t.Errorf("retained will: %v, want a refusal", err)
	}
	c.publish(protocol.CommandTopic(gina), "fence")
	c.hears(protocol.CommandTopic(gina), "fence")
	victim.hears(protocol.CommandTopic(gina), "fence")
}

func TestT1TakeoverOnMosquittoIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := join(t, s.Mosquitto, controller())
	victim := join(t, s.Mosquitto, terminal(gina, ginasToken))
	if !victim.subscribe(protocol.CommandTopic(gina)) {
		t.Fatal("gina may not listen")
	}
	for name, thief := range map[string]as{
		"hari as client gina":      {clientID: gina.String(), username: hari.String(), password: harisToken},
		"hari as another client":   {clientID: "x", username: hari.String(), password: harisToken},
		"gina with hari's token":   {clientID: gina.String(), username: gina.String(), password: harisToken},
		"gina with no token":       {clientID: gina.String(), username: gina.String()},
		"anonymous as client gina": {clientID: gina.String()},
		"anonymous":                {clientID: "x"},
		"not provisioned":          terminal(anna, ginasToken),
		"gina's name as client x":  {clientID: "x", username: gina.String(), password: ginasToken},
	} {
		if _, err := connect(t, s.Mosquitto, thief); !errors.Is(err, errRefused) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	c.publish(protocol.CommandTopic(gina), "state")
	victim.hears(protocol.CommandTopic(gina), "state") // it never lost its connection
}

func TestT6NothingIsRetainedByMosquitto(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := join(t, s.Mosquitto, controller())
	c.client.Publish(protocol.CommandTopic(gina), 1, true, "PAID")
	c.client.Disconnect(100)
	g := join(t, s.Mosquitto, terminal(gina, ginasToken))
	if !g.subscribe(protocol.CommandTopic(gina)) {
		t.Fatal("gina may not listen")
	}
	c = join(t, s.Mosquitto, controller())
	c.publish(protocol.CommandTopic(gina), "fence")
	g.hears(protocol.CommandTopic(gina), "fence")
}

func TestT2RevokeCutsWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	s := open(t)
	g := join(t, s.Mosquitto, terminal(gina, ginasToken))
	other := join(t, s.Mosquitto, terminal(hari, harisToken))
	if !other.subscribe(protocol.CommandTopic(hari)) {
		t.Fatal("hari may not listen")
	}
	must(t, s.admin.Revoke(t.Context(), gina))
	select {
	case <-g.lost:
	case <-time.After(5 * time.Second):
		t.Fatal("revoked, and still connected after 5 s")
	}
	if _, err := connect(t, s.Mosquitto, terminal(gina, ginasToken)); !errors.Is(err, errRefused) {
		t.Errorf("revoked terminal logs in: %v", err)
	}
	must(t, s.admin.Revoke(t.Context(), gina)) // again
	must(t, s.admin.Revoke(t.Context(), anna)) // never was
	// It stays out when the broker starts anew, and the other stays in.
	must(t, s.Restart(t.Context()))
	if _, err := connect(t, s.Mosquitto, terminal(gina, ginasToken)); !errors.Is(err, errRefused) {
		t.Errorf("revoked terminal logs in after a restart: %v", err)
	}
	join(t, s.Mosquitto, terminal(hari, harisToken))
}

func TestProvisionAgainReplacesTheToken(t *testing.T) {
	t.Parallel()
	s := open(t)
	g := join(t, s.Mosquitto, terminal(gina, ginasToken))
	const fresh = "fresh-token-0123456789abcdef0123456789ab"
	must(t, s.admin.Provision(t.Context(), gina, fresh))
	select {
	case <-g.lost:
	case <-time.After(5 * time.Second):
		t.Fatal("the old token's session goes on after 5 s")
	}
	if _, err := connect(t, s.Mosquitto, terminal(gina, ginasToken)); !errors.Is(err, errRefused) {
		t.Errorf("the old token: %v, want a refusal", err)
	}
	join(t, s.Mosquitto, terminal(gina, fresh))
	must(t, s.admin.Revoke(t.Context(), gina))
	must(t, s.admin.Provision(t.Context(), gina, fresh))
	join(t, s.Mosquitto, terminal(gina, fresh))
}

// TestRoleDeletedByHandIsBorne: Mosquitto 2.0.11 crashes when a role goes that a
// client was created with; Provision gives it another way.
func TestRoleDeletedByHandIsBorne(t *testing.T) {
	t.Parallel()
	s := open(t)
	must(t, s.Dynsec(t.Context(), "deleteRole", "terminal:"+gina.String()))
	must(t, s.Restart(t.Context()))
	must(t, s.Dynsec(t.Context(), "deleteRole", "terminal:"+hari.String()))
	must(t, s.admin.Provision(t.Context(), gina, ginasToken))
	g := join(t, s.Mosquitto, terminal(gina, ginasToken))
	if !g.subscribe(protocol.CommandTopic(gina)) {
		t.Error("gina may not listen")
	}
	h := join(t, s.Mosquitto, terminal(hari, harisToken))
	if h.subscribe(protocol.CommandTopic(hari)) {
		t.Error("hari may listen without a role")
	}
	must(t, s.admin.Revoke(t.Context(), hari))
}

func TestProvisionRefusesWhatIsNoTerminal(t *testing.T) {
	t.Parallel()
	s := open(t)
	long := strings.Repeat("x", 65)
	for _, id := range []protocol.Identity{
		{}, {MerchantID: "M1", StoreID: "shop"}, {MerchantID: "M1", StoreID: "#", TerminalID: "x"},
		{MerchantID: "M1", StoreID: "a.b", TerminalID: "x"}, {MerchantID: "M1", StoreID: "+", TerminalID: long},
	} {
		if err := s.admin.Provision(t.Context(), id, ginasToken); !errors.Is(err, protocol.ErrIdentity) {
			t.Errorf("Provision(%v) = %v, want ErrIdentity", id, err)
		}
		if err := s.admin.Revoke(t.Context(), id); !errors.Is(err, protocol.ErrIdentity) {
			t.Errorf("Revoke(%v) = %v, want ErrIdentity", id, err)
		}
	}
	for _, token := range []string{"", strings.Repeat("x", 129)} {
		if err := s.admin.Provision(t.Context(), anna, token); err == nil {
			t.Errorf("a token of %d bytes is taken", len(token))
		}
	}
}
