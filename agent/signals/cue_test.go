package signals

import (
	"slices"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

const amount245 protocol.Paise = 245_00

// status is a terminal in a mode with a payment, in sync.
func status(mode protocol.Mode, change ...func(*agent.Status)) agent.Status {
	s := agent.Status{Mode: mode, PaymentID: "P1", AmountPaise: amount245, OrderID: "4821", Link: true, Language: "en"}
	if mode == protocol.ModeIdle || mode == protocol.ModeOffline || mode == protocol.ModeStarting {
		s.PaymentID, s.AmountPaise, s.OrderID = "", 0, ""
	}
	s.Link = mode != protocol.ModeOffline && mode != protocol.ModeStarting
	for _, c := range change {
		c(&s)
	}
	return s
}

func ended(o protocol.Outcome) func(*agent.Status) {
	return func(s *agent.Status) { s.Result = o }
}

func paying(m protocol.PayMode) func(*agent.Status) {
	return func(s *agent.Status) { s.PayMode = m }
}

func another(s *agent.Status)   { s.PaymentID, s.AmountPaise = "P2", 99_50 }
func muted(s *agent.Status)     { s.Muted = true }
func inHindi(s *agent.Status)   { s.Language = "hi" }
func repeated(s *agent.Status)  { s.Last, s.Repeats = amount245, s.Repeats+1 }
func oncemore(s *agent.Status)  { s.Last, s.Repeats = amount245, s.Repeats+2 }
func nothing(s *agent.Status)   { s.Last, s.Repeats = 0, 1 }
func hadPaid(s *agent.Status)   { s.Last = amount245 }
func cameLate(s *agent.Status)  { s.Late = true }
func switchedOff() agent.Status { return agent.Status{} }

// TestTheSoundTable is terminal-ux's, row by row: what is heard, and what is
// written for those who do not hear.
func TestTheSoundTable(t *testing.T) {
	t.Parallel()
	idle := status(protocol.ModeIdle)
	for _, row := range []struct {
		name        string
		before, now agent.Status
		tone        Tone
		caption     string
	}{
		{"BOOT", switchedOff(), status(protocol.ModeStarting), Tone{}, ""},
		{"UPDATING", idle, status(protocol.ModeUpdating), Tone{}, ""},
		{"ENROL", status(protocol.ModeStarting), status(protocol.ModeEnrolling), Tone{}, ""},
		{"one tick when claimed", status(protocol.ModeEnrolling), status(protocol.ModeIdle), tick(), ""},
		{"IDLE", status(protocol.ModeStarting), idle, Tone{}, ""},
		{"CONFIRM", idle, status(protocol.ModePrompting), newBill(), ""},
		{"CONFIRM, the next bill", status(protocol.ModePrompting), status(protocol.ModePrompting, another), newBill(), ""},
		{"CHOOSE MODE", status(protocol.ModePrompting), status(protocol.ModeChoosing), Tone{}, ""},
		{"QR shown", status(protocol.ModePrompting), status(protocol.ModePresenting, paying(protocol.PayDQR)), tick(), ""},
		{"QR shown, the next", status(protocol.ModePresenting), status(protocol.ModePresenting, another), tick(), ""},
		{"CARD", status(protocol.ModeChoosing), status(protocol.ModePresenting, paying(protocol.PayCard)), tick(), ""},
		{"checking", status(protocol.ModePresenting), status(protocol.ModeChecking), Tone{}, ""},
		{"SUCCESS", status(protocol.ModePresenting), status(protocol.ModeResult, ended(protocol.OutcomeSucceeded)),
			chime(), "Received two hundred forty five rupees"},
		{"SUCCESS in Hindi", status(protocol.ModePresenting), status(protocol.ModeResult, ended(protocol.OutcomeSucceeded), inHindi),
			chime(), "दो सौ पैंतालीस रुपये प्राप्त हुए"},
		{"SUCCESS of the next at once", status(protocol.ModeResult, ended(protocol.OutcomeSucceeded)),
			status(protocol.ModeResult, ended(protocol.OutcomeSucceeded), another), chime(), "Received ninety nine rupees and fifty paise"},
		{"SUCCESS, late", idle, status(protocol.ModeResult, ended(protocol.OutcomeSucceeded), cameLate),
			chime(), "Late payment, order four eight two one, received two hundred forty five rupees"},
		{"SUCCESS, late, of an order that is no number", idle,
			status(protocol.ModeResult, ended(protocol.OutcomeSucceeded), cameLate, func(s *agent.Status) { s.OrderID = "INV/2026/7" }),
			chime(), "Late payment, received two hundred forty five rupees"},
		{"FAILED", status(protocol.ModeChecking), status(protocol.ModeResult, ended(protocol.OutcomeFailed)), low(), "Payment failed"},
		{"FAILED in Hindi", status(protocol.ModeChecking), status(protocol.ModeResult, ended(protocol.OutcomeFailed), inHindi), low(), "भुगतान विफल"},
		{"FAILED, late", idle, status(protocol.ModeResult, ended(protocol.OutcomeFailed), cameLate), low(), "Payment failed"},
		{"EXPIRED", status(protocol.ModePresenting), status(protocol.ModeResult, ended(protocol.OutcomeExpired)), softLow(), ""},
		{"CANCELLED", status(protocol.ModePresenting), status(protocol.ModeResult, ended(protocol.OutcomeCancelled)), softLow(), ""},
		{"nobody knows", status(protocol.ModeChecking), status(protocol.ModeResult, ended(protocol.OutcomeUnknown)), alarm(), ""},
		{"and then it is known", status(protocol.ModeResult, ended(protocol.OutcomeUnknown)),
			status(protocol.ModeResult, ended(protocol.OutcomeSucceeded)), chime(), "Received two hundred forty five rupees"},
		{"OFFLINE", idle, status(protocol.ModeOffline), Tone{}, "No internet"},
		{"ERROR", idle, status(protocol.ModeFault), alarm(), ""},
		{"SELFTEST", idle, status(protocol.ModeTesting), chime(), "Sound test"},
		{"SELFTEST ends", status(protocol.ModeTesting), idle, Tone{}, ""},

		{"repeat last", idle, status(protocol.ModeIdle, repeated), Tone{}, "Last payment, two hundred forty five rupees"},
		{"repeat last again", status(protocol.ModeIdle, repeated), status(protocol.ModeIdle, oncemore), Tone{},
			"Last payment, two hundred forty five rupees"},
		{"repeat, and there is none", idle, status(protocol.ModeIdle, nothing), softLow(), ""},
		{"mute", idle, status(protocol.ModeIdle, muted), falling(), "Voice off"},
		{"the voice again", status(protocol.ModeIdle, muted), idle, Tone{}, "Voice on"},
		{"the next language", idle, status(protocol.ModeIdle, inHindi), Tone{}, "हिन्दी"},
		{"and back", status(protocol.ModeIdle, inHindi), idle, Tone{}, "English"},
		{"a language comes with the link", status(protocol.ModeIdle, func(s *agent.Status) { s.Language = "" }), status(protocol.ModeIdle, inHindi), Tone{}, ""},
		{"a language that is not spoken", status(protocol.ModeIdle, func(s *agent.Status) { s.Language = "ta" }), idle, Tone{}, ""},

		{"switched on, with all that was", switchedOff(), status(protocol.ModeIdle, repeated, muted, inHindi), Tone{}, ""},
		{"nothing changes", status(protocol.ModeResult, ended(protocol.OutcomeSucceeded)), status(protocol.ModeResult, ended(protocol.OutcomeSucceeded)), Tone{}, ""},
		{"only the link changes", status(protocol.ModePresenting), status(protocol.ModePresenting, func(s *agent.Status) { s.Link = false }), Tone{}, ""},
		{"how it is paid is settled on the glass", status(protocol.ModePresenting), status(protocol.ModePresenting, paying(protocol.PayDQR)), Tone{}, ""},
		{"somebody waits behind it", status(protocol.ModePrompting), status(protocol.ModePrompting, func(s *agent.Status) { s.Waiting = 2 }), Tone{}, ""},
		{"a payment came in before", idle, status(protocol.ModeIdle, hadPaid), Tone{}, ""},
		{"a result without an amount speaks none", idle, status(protocol.ModeResult, ended(protocol.OutcomeSucceeded), func(s *agent.Status) { s.AmountPaise = 0 }), chime(), ""},
	} {
		got := Cue(row.before, row.now)
		if got.Tone.Name != row.tone.Name || got.Speech.Caption() != row.caption {
			t.Errorf("%s: %q, %q; want %q, %q", row.name, got.Tone.Name, got.Speech.Caption(), row.tone.Name, row.caption)
		}
		if got.Speech.Muted && row.now.Muted == false {
			t.Errorf("%s: is muted", row.name)
		}
	}
}

// TestOnlyAConfirmedSuccessSpeaksAnAmount: of no other mode and no other outcome
// is there a sound that says that money came in, whatever else the status holds.
func TestOnlyAConfirmedSuccessSpeaksAnAmount(t *testing.T) {
	t.Parallel()
	for _, from := range modes() {
		for _, to := range modes() {
			for _, outcome := range outcomes() {
				before := status(from, another, ended(outcome))
				now := status(to, ended(outcome), cameLate, func(s *agent.Status) { s.PaymentID, s.AmountPaise, s.Last = "P1", amount245, amount245 })
				s := Cue(before, now)
				paid := to == protocol.ModeResult && outcome == protocol.OutcomeSucceeded
				if said := s.Speech.Said == SaidLate || s.Speech.AmountPaise != 0 || s.Tone.Name == "chime" && to != protocol.ModeTesting; said != paid {
					t.Errorf("%s to %s %s: %+v", from, to, outcome, s)
				}
				if paid && s.Speech.AmountPaise != amount245 {
					t.Errorf("%s to %s: %d paise", from, to, s.Speech.AmountPaise)
				}
			}
		}
	}
}

// TestMutedTakesTheVoiceAlone: the tones sound and the captions are written as
// ever.
func TestMutedTakesTheVoiceAlone(t *testing.T) {
	t.Parallel()
	for _, from := range modes() {
		for _, to := range modes() {
			for _, outcome := range outcomes() {
				before, now := status(from), status(to, another, ended(outcome))
				loud := Cue(before, now)
				before.Muted, now.Muted = true, true
				quiet := Cue(before, now)
				if quiet.Tone.Name != loud.Tone.Name || quiet.Speech.Caption() != loud.Speech.Caption() {
					t.Errorf("%s to %s %s: %+v, muted %+v", from, to, outcome, loud, quiet)
				}
				if quiet.Speech.Muted != !quiet.Speech.IsZero() {
					t.Errorf("%s to %s %s: %+v is to be heard", from, to, outcome, quiet)
				}
			}
		}
	}
}

// TestTonesAreToldApart: by their rhythm alone, on a buzzer that knows one pitch;
// but for a low tone that differs from a tick only in its length.
func TestTonesAreToldApart(t *testing.T) {
	t.Parallel()
	names, rhythms := []string{}, map[string]string{}
	for _, tone := range Tones() {
		names = append(names, tone.Name)
		var rhythm string
		on := 0
		for i, b := range tone.Beats() {
			if b.On != (i%2 == 0) || b.Ms < 20 || b.Ms > 700 {
				t.Errorf("%s: beat %d is %+v", tone.Name, i, b)
			}
			// An ear hears 60 ms and 100 ms as the same.
			kind := "short "
			if b.Ms >= 500 {
				kind = "very long "
			} else if b.Ms >= 150 {
				kind = "long "
			}
			if b.On {
				on++
				rhythm += kind
			}
		}
		if on == 0 || !tone.Beats()[len(tone.Beats())-1].On {
			t.Errorf("%s ends in silence", tone.Name)
		}
		if other, taken := rhythms[rhythm]; taken {
			t.Errorf("%s and %s are both %s", other, tone.Name, rhythm)
		}
		rhythms[rhythm] = tone.Name
		if tone.Length().Seconds() > 1 {
			t.Errorf("%s takes %v", tone.Name, tone.Length())
		}
	}
	if want := []string{"tick", "new-bill", "chime", "low", "soft-low", "alarm", "voice-off"}; !slices.Equal(names, want) {
		t.Errorf("the tones are %v", names)
	}
	rising := chime().Notes
	for i := 2; i < len(rising); i += 2 {
		if rising[i].Hz <= rising[i-2].Hz {
			t.Errorf("the chime does not rise: %+v", rising)
		}
	}
	if !(Tone{}).IsZero() || tick().IsZero() || !softLow().Soft || low().Soft {
		t.Error("a tone is silent, or a soft one loud")
	}
}
