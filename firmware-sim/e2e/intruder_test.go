package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol"
)

// brokerURL is where terminals and intruders find the broker.
func (h *house) brokerURL() string {
	switch {
	case h.stack.nats != nil:
		return "mqtt://" + h.stack.nats.nodes[0].mqtt
	case h.stack.mosquitto != nil:
		return h.stack.mosquitto.URL()
	}
	return "mqtt://" + h.mqtt
}

// clientID is a terminal's client id at the session's broker. NATS takes none with
// dots.
func (h *house) clientID(id protocol.Identity) string {
	if h.stack.nats != nil {
		return strings.ReplaceAll(id.String(), ".", ":")
	}
	return id.String()
}

// admin is who may read everything at a broker that is not in the controller, and
// publish to terminals, as arguments of mosquitto_sub and mosquitto_pub; nil where
// there is none.
func (h *house) admin() []string {
	switch m, n := h.stack.mosquitto, h.stack.nats; {
	case m != nil:
		return []string{"-i", "control", "-u", m.AdminUsername, "-P", m.AdminPassword}
	case n != nil:
		return []string{"-i", "control", "-u", natsController, "-P", n.password}
	}
	return nil
}

// intruderCommand: intruder VICTIM OTHER tries, with mosquitto_pub and
// mosquitto_sub, to reach the topics of VICTIM (merchant.store.terminal) with
// no credentials, with made-up ones, and with those of the terminal OTHER,
// under its own client id and under the victim's. Nothing may be delivered.
func intruderCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: intruder VICTIM OTHER")
	}
	h := of(ts)
	victim, err := protocol.ParseIdentity(args[0])
	ts.Check(err)
	other, err := protocol.ParseIdentity(args[1])
	ts.Check(err)
	token := h.enrol(ts, other)
	paid, err := json.Marshal(map[string]any{
		"v": 1, "type": "state", "identity": victim, "seq": 1 << 40,
		"result": map[string]any{"outcome": "succeeded", "amountPaise": 24500, "merchantTransactionId": "P1"},
	})
	ts.Check(err)
	if admin := h.admin(); admin != nil {
		// Who may listen hears something, or the silence below says nothing.
		until(ts, h.controller, "the broker's administrator hears the victim", func(context.Context) (string, bool) {
			heard := h.listen(ts, protocol.ReportTopic(victim), admin)
			return heard, heard != ""
		})
	}
	for name, who := range map[string][]string{
		"nobody":                     {"-i", "nobody"},
		"made-up credentials":        {"-i", h.clientID(victim), "-u", victim.String(), "-P", "guess"},
		"another terminal":           {"-i", h.clientID(other), "-u", other.String(), "-P", token},
		"another as the victim's id": {"-i", h.clientID(victim), "-u", other.String(), "-P", token},
	} {
		for _, topic := range []string{protocol.CommandTopic(victim), protocol.ReportTopic(victim), "galla/v1/+/command", "#"} {
			if heard := h.listen(ts, topic, who); heard != "" {
				ts.Fatalf("%s read from %s: %s", name, topic, heard)
			}
		}
		for _, topic := range []string{protocol.CommandTopic(victim), protocol.ReportTopic(victim), protocol.PresenceTopic(victim)} {
			_ = h.mosquitto("mosquitto_pub", append(who, "-t", topic, "-q", "1", "-m", string(paid))...).Run()
			_ = h.mosquitto("mosquitto_pub", append(who, "-t", topic, "-q", "0", "-r", "-m", string(paid))...).Run()
			// As a last will, published by the broker when the client vanishes.
			_ = h.mosquitto("mosquitto_pub", append(who, "-t", "nowhere", "-m", "x",
				"--will-topic", topic, "--will-payload", string(paid), "--will-retain")...).Run()
		}
	}
}

func (h *house) mosquitto(program string, args ...string) *exec.Cmd {
	u, _ := url.Parse(h.brokerURL())
	return exec.Command(program, append([]string{"-h", u.Hostname(), "-p", u.Port(), "-V", "mqttv311"}, args...)...)
}

// listen subscribes for a second, while one sale after another keeps the
// victim's topics busy both ways, and returns what it heard.
func (h *house) listen(ts *testscript.TestScript, topic string, who []string) string {
	listening := h.mosquitto("mosquitto_sub", append(who, "-t", topic, "-q", "1", "-W", "1")...)
	var heard strings.Builder
	listening.Stdout = &heard
	if err := listening.Start(); err != nil {
		ts.Fatalf("%v (Debian package mosquitto-clients)", err)
	}
	over := make(chan struct{})
	go func() {
		_ = listening.Wait() // refused, or timed out: what counts is what it heard
		close(over)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for busy := true; busy; {
		h.noise++
		if status, answer := h.ask(fmt.Sprint("noise-", h.noise)); status != http.StatusOK && status != http.StatusServiceUnavailable {
			ts.Fatalf("noise: %d %s", status, answer)
		}
		select {
		case <-over:
			busy = false
		case <-tick.C:
		}
	}
	return heard.String()
}

// enrol gets a terminal's credentials from the sandbox.
func (h *house) enrol(ts *testscript.TestScript, id protocol.Identity) (token string) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	body, err := json.Marshal(protocol.EnrolRequest{
		MerchantID: id.MerchantID, StoreID: id.StoreID, TerminalID: id.TerminalID, PublicKey: public,
	})
	ts.Check(err)
	status, answer := post(context.Background(), h.url()+protocol.EnrolPath, string(body))
	var a protocol.EnrolAnswer
	if err := json.Unmarshal([]byte(answer), &a); err != nil || status != 200 {
		ts.Fatalf("enrol %s: %d %s", id, status, answer)
	}
	return a.Token
}

// forgeCommand: forge IDENTITY ID RUPEES is the broker itself gone over: as the
// administrator of the broker it tells the terminal that ID is paid, unsigned
// and signed by keys that are not the controller's. Where the broker is inside
// the controller nobody can even send that; then nothing is done.
func forgeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: forge IDENTITY ID RUPEES")
	}
	h := of(ts)
	if h.stack.embedded() {
		return
	}
	id, err := protocol.ParseIdentity(args[0])
	ts.Check(err)
	amount, err := protocol.ParseRupees(args[2])
	ts.Check(err)
	username, password := natsController, ""
	if m := h.stack.mosquitto; m != nil {
		username, password = "forger", "forger"
		ts.Check(m.Dynsec(context.Background(), "createRole", "forger"))
		ts.Check(m.Dynsec(context.Background(), "addRoleACL", "forger", "publishClientSend", "galla/v1/#", "allow"))
		ts.Check(m.Dynsec(context.Background(), "createClient", "forger", "-p", "forger"))
		ts.Check(m.Dynsec(context.Background(), "addClientRole", "forger", "forger"))
	} else {
		password = h.stack.nats.password
	}
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(strings.Replace(h.brokerURL(), "mqtt://", "tcp://", 1)).
		SetClientID("forger").SetUsername(username).SetPassword(password).SetProtocolVersion(4))
	ts.Check(wait(client.Connect()))
	defer client.Disconnect(0)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	state := protocol.State{
		Header: protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: id}, Seq: 1 << 40,
		Result: &protocol.Result{MerchantTransactionID: args[1], AmountPaise: amount, Outcome: protocol.OutcomeSucceeded},
	}
	signed, err := protocol.NewSigningKey(private).Sign(protocol.PurposeDown, state)
	ts.Check(err)
	set, err := protocol.SignKeySet(protocol.NewSigningKey(private), 1<<40, private.Public().(ed25519.PublicKey))
	ts.Check(err)
	unsigned, err := json.Marshal(state)
	ts.Check(err)
	for _, message := range [][]byte{unsigned, signed, set, signed} {
		ts.Check(wait(client.Publish(protocol.CommandTopic(id), 1, false, message)))
	}
}

func wait(token mqtt.Token) error {
	if !token.WaitTimeout(patience) {
		return errors.New("the broker does not answer")
	}
	return token.Error()
}

// balanceCommand: balance ID... is the end of a session: of every payment named,
// status, callback and the number of callbacks' events tell one truth (I5, I7).
func balanceCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: balance ID...")
	}
	h := of(ts)
	for _, id := range args {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		d, body := askStatus(ctx, h, id)
		cancel()
		if d.Status == "" || d.Status == "PENDING" {
			ts.Fatalf("%s has not ended: %s", id, body)
		}
		callbacksCommand((*house).merchantServer)(ts, false, []string{id, d.Status})
	}
}
