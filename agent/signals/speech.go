package signals

import (
	"slices"
	"strings"
	"unicode"

	"github.com/galla-pay/galla/protocol"
)

// Said is what a Speech is about. Its values are in firmware-sim's JSON: never
// change one.
type Said string

// What can be said.
const (
	SaidReceived   Said = "received"    // the amount that came in
	SaidLate       Said = "late"        // the same, of a payment that had left the glass before
	SaidFailed     Said = "failed"      // a payment failed
	SaidNoInternet Said = "no-internet" // once an outage
	SaidLast       Said = "last"        // the last payment again, because the cashier asks
	SaidLanguage   Said = "language"    // the name of the language, in itself
	SaidVoiceOn    Said = "voice-on"    // the voice was switched on
	SaidVoiceOff   Said = "voice-off"   // or off: a caption alone
	SaidSoundTest  Said = "sound-test"
)

// Speech is something that is said. The zero Speech is nothing.
type Speech struct {
	// Language is one of Languages; another is said in English.
	Language string `json:"language"`
	Said     Said   `json:"said"`
	// AmountPaise is that of received, late and last, 1 to protocol.MaxPaise.
	AmountPaise protocol.Paise `json:"amountPaise,omitempty"`
	// Order is the till's number of a late payment, up to eight digits, said one by
	// one; "" where it has no such number.
	Order string `json:"order,omitempty"`
	// Muted: only the caption is to be seen, nothing is heard.
	Muted bool `json:"muted,omitempty"`
}

// IsZero reports that there is nothing to say.
func (s Speech) IsZero() bool { return s.Said == "" }

// Money reports that s says how a payment ended: whoever plays speeches never
// drops it.
func (s Speech) Money() bool {
	return s.Said == SaidReceived || s.Said == SaidLate || s.Said == SaidFailed
}

// Clip is a recorded piece of speech, by its name: a number "0" to "99" or a
// word of words/. Pause is none of them.
type Clip string

// Pause is a rest within a speech, and a comma in its caption.
const Pause Clip = ","

// Clips are what s is stitched from, in order. It is empty when there is nothing
// to say: of an amount that is none, too, and of a Said that there is not.
func (s Speech) Clips() []Clip {
	lang := LanguageOf(s.Language)
	switch s.Said {
	case SaidReceived, SaidLate, SaidLast:
		if !s.AmountPaise.Valid() {
			return nil // no amount is said as "zero rupees"
		}
	}
	switch s.Said {
	case SaidReceived:
		return received(lang, s.AmountPaise)
	case SaidLate:
		clips := []Clip{"late", Pause}
		if orderDigits(s.Order) {
			clips = append(clips, "order")
			for _, d := range s.Order {
				clips = append(clips, Clip(d))
			}
			clips = append(clips, Pause)
		}
		return append(clips, received(lang, s.AmountPaise)...)
	case SaidLast:
		return append([]Clip{"last", Pause}, amount(lang, s.AmountPaise)...)
	case SaidFailed, SaidNoInternet, SaidLanguage, SaidVoiceOn, SaidVoiceOff, SaidSoundTest:
		return []Clip{Clip(s.Said)}
	}
	return nil
}

// received says that an amount came in. In Hindi the verb comes last, and knows
// one from many.
func received(lang string, p protocol.Paise) []Clip {
	if lang != Hindi {
		return append([]Clip{"received"}, amount(lang, p)...)
	}
	if p == 100 || p == 1 {
		return append(amount(lang, p), "received-one")
	}
	return append(amount(lang, p), "received")
}

// orderDigits reports that an order's number can be said digit by digit.
func orderDigits(order string) bool {
	return len(order) >= 1 && len(order) <= 8 && !strings.ContainsFunc(order, func(r rune) bool { return r < '0' || r > '9' })
}

// Caption is what s says, in its words and its script, for those who do not hear
// it. It is the same whether s is muted or not.
func (s Speech) Caption() string {
	var b strings.Builder
	for i, c := range s.Clips() {
		switch {
		case c == Pause:
			b.WriteString(string(Pause))
			continue
		case i > 0:
			b.WriteByte(' ')
		}
		b.WriteString(c.Text(s.Language))
	}
	text := []rune(b.String())
	if len(text) > 0 {
		text[0] = unicode.ToUpper(text[0])
	}
	return string(text)
}

// Text is what the clip says, "" when the language has no such clip.
func (c Clip) Text(language string) string {
	return spoken().texts[LanguageOf(language)][c]
}

// ClipsOf lists the clips of a language in the order of its file. The slice is
// the caller's.
func ClipsOf(language string) []Clip {
	return slices.Clone(spoken().names[LanguageOf(language)])
}
