package mqtt

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"
)

// What is sent, byte by byte as MQTT 3.1.1 sections 3.1, 3.3 and 3.8 have it.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"CONNECT": {Login{Identity: "a", Token: "t", KeepAlive: 20}.Packet(),
			"10 13 0004 4d515454 04 c2 0014 0001 61 0001 61 0001 74"},
		"CONNECT with a last will": {Login{Identity: "a", Token: "t", KeepAlive: 20, WillTopic: "w", Will: []byte("x")}.Packet(),
			"10 19 0004 4d515454 04 ce 0014 0001 61 0001 77 0001 78 0001 61 0001 74"},
		"SUBSCRIBE": {NewSubscribe(7, "c"), "82 06 0007 0001 63 01"},
		"PUBLISH":   {NewPublish(258, "r", []byte("xy")), "32 07 0001 72 0102 7879"},
		"PUBACK":    {NewPuback(258), "40 02 0102"},
	} {
		if got, want := hex.EncodeToString(c.got), strings.ReplaceAll(c.want, " ", ""); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// Whatever is sent is read as it was, of every length that its length needs another
// byte for.
func TestWhatIsRead(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 1, 121, 122, 123, 16_377, 16_378, 16_379} {
		sent := NewPublish(9, "r", bytes.Repeat([]byte("p"), length))
		p, err := Read(bufio.NewReader(bytes.NewReader(sent)))
		if err != nil || p.Kind() != Publish {
			t.Fatalf("%d bytes: %+v, %v", length, p, err)
		}
		if id, payload, err := p.Published(); err != nil || id != 9 || len(payload) != length {
			t.Errorf("%d bytes: id %d, %d bytes, %v", length, id, len(payload), err)
		}
	}
	for name, c := range map[string]struct {
		sent, want string
	}{
		"nothing":           {"", io.EOF.Error()},
		"a first byte":      {"30", io.EOF.Error()},
		"a part":            {"30057265", io.ErrUnexpectedEOF.Error()},
		"an endless length": {"30ffffffff01", "endless"},
		"too much":          {"30ffff7f", "2097151 bytes"},
	} {
		sent, err := hex.DecodeString(c.sent)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(bufio.NewReader(bytes.NewReader(sent))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error about %s", name, err, c.want)
		}
	}
	for _, body := range []string{"", "00", "0005r", "\x00\x01r", "\x00", "\x00\x05t", "\x00\x01t\x00"} {
		if _, _, err := (Packet{First: firstPublish1, Body: []byte(body)}).Published(); err == nil {
			t.Errorf("%q was taken for a PUBLISH", body)
		}
	}
}

// The broker's no is heard.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first byte
		body  string
		want  byte
		why   string // "": it is a yes
	}{
		{Connack, "\x00\x00", Connack, ""}, {Connack, "\x00\x05", Connack, "login with 5"}, {Connack, "\x00", Connack, "packet 0x20"},
		{Suback, "\x00\x01\x01", Suback, ""}, {Suback, "\x00\x01\x80", Suback, "subscription"}, {Publish, "\x00\x00", Connack, "packet 0x30"},
	} {
		err := Packet{First: c.first, Body: []byte(c.body)}.Refused(c.want)
		if c.why == "" && err != nil || c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%#x %q: %v, want %q", c.first, c.body, err, c.why)
		}
	}
}
