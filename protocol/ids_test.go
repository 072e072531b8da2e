package protocol

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestIdentity: three ids with dots between, and nothing that a broker or a
// topic could read in another way.
func TestIdentity(t *testing.T) {
	good := Identity{"MERCHANTUAT", "teststore1", "test-terminal_1"}
	if back, err := ParseIdentity(good.String()); err != nil || back != good {
		t.Errorf("%s is read as %v: %v", good, back, err)
	}
	for _, text := range []string{
		"", "a", "a.b", "a.b.c.d", "a..c", ".b.c", "a.b.", "a.b.c/", "a.+.c", "a.#.c", "$a.b.c", "a.b.c d", "a.b.ć",
		"a.b.c\x00", strings.Repeat("a", MaxIDLength+1) + ".b.c",
	} {
		if id, err := ParseIdentity(text); err == nil {
			t.Errorf("%q was taken for %v", text, id)
		}
	}
}

// TestTopics: exact, and only these three.
// TestColonID: no two terminals have one client id, dots or not.
func TestColonID(t *testing.T) {
	id := Identity{MerchantID: "M_1", StoreID: "s-2", TerminalID: "T3"}
	if got := id.ColonID(); got != "M_1:s-2:T3" {
		t.Errorf("%s", got)
	}
	if _, err := ParseIdentity(id.ColonID()); err == nil || ValidID(":", MaxIDLength) {
		t.Error("an identity may hold a colon")
	}
}

func TestTopics(t *testing.T) {
	id := Identity{"M", "S", "T"}
	for topic, leaf := range map[string]string{
		CommandTopic(id): "command", ReportTopic(id): "report", PresenceTopic(id): "presence",
	} {
		if got, l, err := ParseTopic(topic); got != id || l != leaf || err != nil {
			t.Errorf("%s is read as %v %s: %v", topic, got, l, err)
		}
	}
	for _, topic := range []string{
		"", "galla/v1/M.S.T", "galla/v1/M.S.T/", "galla/v1/M.S.T/command/x", "galla/v1/+/command", "galla/v2/M.S.T/command",
		"/galla/v1/M.S.T/command", "galla/v1/M.S/command", "galla/v1/M.S.T/Command",
	} {
		if _, _, err := ParseTopic(topic); err == nil {
			t.Errorf("%q was taken for a topic", topic)
		}
	}
}

// TestVPA: which addresses are well-formed, and that none reaches a log whole.
func TestVPA(t *testing.T) {
	for vpa, want := range map[VPA]bool{
		"merchant@upi": true, "a.b-c_d@okbank1": true, "gourmet@mercury": true,
		"": false, "upi": false, "@upi": false, "a@": false, "a@b@c": false, "a b@upi": false, "a@1upi": true, "1234567890@HDFC0000001.ifsc.npci": true, "a@u": false, "a@.upi": false, "a@-upi": false, "a@u_pi": false,
	} {
		if vpa.Valid() != want {
			t.Errorf("%q valid: %v", string(vpa), vpa.Valid())
		}
	}
	v := VPA("customer.name@upi")
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "payer", v)
	text := b.String() + fmt.Sprint(v) + fmt.Sprintf("%s %q %+v %#v", v, v, v, v) + fmt.Sprintf("%v", struct{ V VPA }{v})
	if strings.Contains(text, "customer") || !strings.Contains(text, "c***@upi") {
		t.Errorf("not masked: %s", text)
	}
}
