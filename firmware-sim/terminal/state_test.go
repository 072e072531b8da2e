package terminal

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/protocol"
)

// GET /state is all that the agent says of itself, and the switches.
func TestStateIsWhatTheAgentSays(t *testing.T) {
	t.Parallel()
	now := time.Now()
	state := fromAgent(agent.Status{
		Mode: protocol.ModeChoosing, PaymentID: "P1", MerchantTransactionID: "TXN-1", AmountPaise: 24_500,
		OrderID: "ORDER-1", ShortOrderID: "0042", Ends: now.Add(61 * time.Second),
		PayMode: protocol.PayCard, Choices: [2]protocol.PayMode{protocol.PayDQR, protocol.PayCard}, Waiting: 3,
		Keypad: agent.Keypad{Digits: "0042", Asking: true, Outcome: protocol.PullOther, Message: "T2 has it"},
		Result: protocol.OutcomeFailed, Reason: "CARD_DECLINED", Link: true, Since: now.Add(-1500 * time.Millisecond),
		Last: 9_900, Language: "hi", Muted: true, UpdateWaits: true,
	}, now)
	state.Power, state.Network, state.Card, state.Clock = true, true, card.Waiting, "+1h"
	state.Sound = Sound{
		N: 4, Tone: "chime", Said: signals.SaidReceived, Caption: "Received ninety-nine rupees", Language: "en", Volume: 80, Muted: true,
	}
	got, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"mode":"choosing","merchantTransactionId":"TXN-1","amountPaise":24500,"orderId":"ORDER-1","shortOrderId":"0042",` +
		`"payMode":"CARD","choices":["DQR","CARD"],"leftMs":61000,"waiting":3,` +
		`"keypad":{"digits":"0042","asking":true,"outcome":"other","message":"T2 has it"},` +
		`"result":"failed","reason":"CARD_DECLINED","sinceMs":1500,"link":true,"power":true,"network":true,"flapping":false,"card":"waiting","clock":"+1h",` +
		`"lastPaise":9900,"language":"hi","muted":true,"updateWaits":true,` +
		`"sound":{"n":4,"tone":"chime","said":"received","caption":"Received ninety-nine rupees","language":"en","volume":80,"muted":true}}`
	if string(got) != want {
		t.Fatalf("the state is\n%s\nwant\n%s", got, want)
	}
	var back State
	if err := json.Unmarshal(got, &back); err != nil || back != state {
		t.Fatalf("read again it is\n%+v, %v\nwant\n%+v", back, err, state)
	}
	// What is over has no time left, and what has not begun no age.
	late := fromAgent(agent.Status{Ends: now.Add(-time.Second), Since: now.Add(time.Second)}, now)
	if late.LeftMs != 0 || late.SinceMs != 0 {
		t.Fatalf("durations %d, %d below 0", late.LeftMs, late.SinceMs)
	}
	if err := json.Unmarshal([]byte(`["CARD","DQR","CASH"]`), &back.Choices); err == nil {
		t.Fatal("three choices are taken")
	}
	if err := json.Unmarshal([]byte(`"CARD"`), &back.Choices); err == nil {
		t.Fatal("a word is taken for choices")
	}
}
