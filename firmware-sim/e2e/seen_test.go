package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// seen is what GET /state of a terminal says.
type seen struct {
	Mode                  string         `json:"mode"`
	MerchantTransactionID string         `json:"merchantTransactionId"`
	AmountPaise           protocol.Paise `json:"amountPaise"`
	Result                string         `json:"result"`
	Reason                string         `json:"reason"`
	ShortOrderID          string         `json:"shortOrderId"`
	PayMode               string         `json:"payMode"`
	Choices               []string       `json:"choices"`
	Waiting               int            `json:"waiting"`
	LeftMs                int64          `json:"leftMs"`
	Card                  string         `json:"card"`
	Link                  bool           `json:"link"`
	Power                 bool           `json:"power"`
	Network               bool           `json:"network"`
	Flapping              bool           `json:"flapping"`
	Keypad                struct {
		Digits  string `json:"digits"`
		Outcome string `json:"outcome"`
		Message string `json:"message"`
	} `json:"keypad"`
}

// matches reports whether all conditions hold: field=pattern.
func (s seen) matches(ts *testscript.TestScript, conditions []string) bool {
	facts := map[string]string{
		"mode": s.Mode, "id": s.MerchantTransactionID, "amount": s.AmountPaise.Rupees(), "result": s.Result,
		"reason": s.Reason, "short": s.ShortOrderID, "paymode": s.PayMode, "choices": strings.Join(s.Choices, ","),
		"waiting": strconv.Itoa(s.Waiting), "card": s.Card,
		"link": onOff(s.Link), "power": onOff(s.Power), "network": onOff(s.Network),
		"digits": s.Keypad.Digits, "pull": s.Keypad.Outcome, "message": s.Keypad.Message,
	}
	for _, c := range conditions {
		key, want, _ := strings.Cut(c, "=")
		got, known := facts[key]
		if !known {
			ts.Fatalf("%s: a terminal says nothing of %s", c, key)
		}
		if !like(ts, got, want) {
			return false
		}
	}
	return true
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// like compares with a pattern, in which * stands for anything.
func like(ts *testscript.TestScript, got, pattern string) bool {
	ok, err := path.Match(pattern, got)
	ts.Check(err)
	return ok
}

func look(ctx context.Context, tm *terminal) (seen, string) {
	_, body := get(ctx, tm.url+"/state")
	var s seen
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		return s, body
	}
	return s, body
}

// qrCommand: qr NAME AMOUNT reads the panel's picture with zbarimg, a decoder
// of another make than ours, and demands a upi://pay link with that amount.
func qrCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: qr NAME RUPEES")
	}
	status, picture := get(context.Background(), of(ts).terminal(ts, args[0]).url+"/panel.png")
	if status != 200 {
		ts.Fatalf("panel.png: %d", status)
	}
	file := filepath.Join(ts.Getenv("WORK"), "panel.png")
	ts.Check(os.WriteFile(file, []byte(picture), 0o644))
	text, err := exec.Command("zbarimg", "--nodbus", "-q", "--raw", file).Output()
	if err != nil {
		ts.Fatalf("zbarimg (Debian package zbar-tools) reads no QR from the panel: %v", err)
	}
	link, err := upiuri.Parse(strings.TrimSpace(string(text)))
	ts.Check(err)
	if link.AM.Rupees() != args[1] || link.Mode != upiuri.ModeDynamic || link.Sign == "" {
		ts.Fatalf("the QR asks for %s: %s", link.AM.Rupees(), text)
	}
	// The same QR, character for character, can be asked for by later lines.
	if before := ts.Getenv("QR"); before != "" && before != string(text) {
		ts.Setenv("QR_CHANGED", "yes")
	}
	ts.Setenv("QR", string(text))
}

// phoneCommand: [!] phone NAME [flags...] pays what the terminal shows.
func phoneCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: phone NAME [flags]")
	}
	h := of(ts)
	tm := h.terminal(ts, args[0])
	all := append([]string{"phone", "pay", "--panel", tm.url + "/panel.png", "--upi", h.url(), "--wait", patience.String()}, args[1:]...)
	out, err := exec.Command(filepath.Join(binaries, "galla-sim"), all...).CombinedOutput()
	ts.Logf("%s", out)
	if (err != nil) != neg {
		ts.Fatalf("phone: %v", fmt.Sprint(err))
	}
}

// sameCommand: qr-same demands that every QR read so far was the same, to the
// character.
func sameCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 || ts.Getenv("QR") == "" || ts.Getenv("QR_CHANGED") != "" {
		ts.Fatalf("the QR changed: %s", ts.Getenv("QR"))
	}
}

// alteredCommand: altered NAME OLD NEW scans the QR and pays a link in which
// OLD was replaced by NEW; with its signature and without, it must be refused.
func alteredCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: altered NAME OLD NEW")
	}
	h := of(ts)
	for _, cut := range []bool{false, true} {
		result, err := phone.Pay(context.Background(), phone.Options{
			PanelURL: h.terminal(ts, args[0]).url + "/panel.png", UPIURL: h.url(), Wait: patience,
			Alter: func(link string) string {
				if cut {
					link, _, _ = strings.Cut(link, "&sign=")
				}
				return strings.Replace(link, args[1], args[2], 1)
			},
		})
		ts.Logf("%v", result.Steps)
		if err != nil || result.OK() || result.ValidateStatus == "" || result.ValidateStatus == "00" {
			ts.Fatalf("the altered link was answered %q, paid %v: %v", result.ValidateStatus, result.OK(), err)
		}
	}
}
