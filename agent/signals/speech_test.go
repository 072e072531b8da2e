package signals

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

func TestAmountsInWords(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		paise   protocol.Paise
		english string
		hindi   string
	}{
		{1, "one paisa", "एक पैसा प्राप्त हुआ"},
		{2, "two paise", "दो पैसे प्राप्त हुए"},
		{50, "fifty paise", "पचास पैसे प्राप्त हुए"},
		{99, "ninety nine paise", "निन्यानवे पैसे प्राप्त हुए"},
		{1_00, "one rupee", "एक रुपया प्राप्त हुआ"},
		{1_01, "one rupee and one paisa", "एक रुपया एक पैसा प्राप्त हुए"},
		{2_00, "two rupees", "दो रुपये प्राप्त हुए"},
		{10_00, "ten rupees", "दस रुपये प्राप्त हुए"},
		{21_00, "twenty one rupees", "इक्कीस रुपये प्राप्त हुए"},
		{39_00, "thirty nine rupees", "उनतालीस रुपये प्राप्त हुए"},
		{79_00, "seventy nine rupees", "उन्यासी रुपये प्राप्त हुए"},
		{89_00, "eighty nine rupees", "नवासी रुपये प्राप्त हुए"},
		{100_00, "one hundred rupees", "एक सौ रुपये प्राप्त हुए"},
		{101_00, "one hundred one rupees", "एक सौ एक रुपये प्राप्त हुए"},
		{245_00, "two hundred forty five rupees", "दो सौ पैंतालीस रुपये प्राप्त हुए"},
		{245_50, "two hundred forty five rupees and fifty paise", "दो सौ पैंतालीस रुपये पचास पैसे प्राप्त हुए"},
		{1_000_00, "one thousand rupees", "एक हज़ार रुपये प्राप्त हुए"},
		{12_345_67, "twelve thousand three hundred forty five rupees and sixty seven paise",
			"बारह हज़ार तीन सौ पैंतालीस रुपये सड़सठ पैसे प्राप्त हुए"},
		{1_00_000_00, "one lakh rupees", "एक लाख रुपये प्राप्त हुए"},
		{99_99_999_99, "ninety nine lakh ninety nine thousand nine hundred ninety nine rupees and ninety nine paise",
			"निन्यानवे लाख निन्यानवे हज़ार नौ सौ निन्यानवे रुपये निन्यानवे पैसे प्राप्त हुए"},
		{1_00_00_000_00, "one crore rupees", "एक करोड़ रुपये प्राप्त हुए"},
		{protocol.MaxPaise, "ten crore rupees", "दस करोड़ रुपये प्राप्त हुए"},
	} {
		if got := (Speech{Language: "en", Said: SaidReceived, AmountPaise: row.paise}).Caption(); got != "Received "+row.english {
			t.Errorf("%s: %s", row.paise, got)
		}
		if got := (Speech{Language: "hi", Said: SaidReceived, AmountPaise: row.paise}).Caption(); got != row.hindi {
			t.Errorf("%s: %s", row.paise, got)
		}
	}
}

func TestWhatElseIsSaid(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		speech Speech
		want   string
	}{
		{Speech{Language: "en", Said: SaidLate, AmountPaise: 245_00, Order: "4821"},
			"Late payment, order four eight two one, received two hundred forty five rupees"},
		{Speech{Language: "hi", Said: SaidLate, AmountPaise: 245_00, Order: "0042"},
			"देर से भुगतान, ऑर्डर शून्य शून्य चार दो, दो सौ पैंतालीस रुपये प्राप्त हुए"},
		{Speech{Language: "en", Said: SaidLate, AmountPaise: 100}, "Late payment, received one rupee"},
		{Speech{Language: "en", Said: SaidLate, AmountPaise: 100, Order: "INV-7"}, "Late payment, received one rupee"},
		{Speech{Language: "en", Said: SaidLate, AmountPaise: 100, Order: "123456789"}, "Late payment, received one rupee"},
		{Speech{Language: "en", Said: SaidLate, AmountPaise: 100, Order: "४८"}, "Late payment, received one rupee"},
		{Speech{Language: "hi", Said: SaidLast, AmountPaise: 1_00}, "पिछला भुगतान, एक रुपया"},
		{Speech{Language: "hi", Said: SaidNoInternet}, "इंटरनेट नहीं"},
		{Speech{Language: "hi", Said: SaidVoiceOff, Muted: true}, "आवाज़ बंद"},
		{Speech{Language: "hi", Said: SaidVoiceOn}, "आवाज़ चालू"},
		{Speech{Language: "hi", Said: SaidSoundTest}, "आवाज़ की जाँच"},
		{Speech{Language: "ta", Said: SaidFailed}, "Payment failed"},
		{Speech{Said: SaidFailed}, "Payment failed"},
		{Speech{}, ""},
		{Speech{Language: "en", Said: "splendid"}, ""},
		{Speech{Language: "en", Said: SaidReceived}, ""},
		{Speech{Language: "en", Said: SaidLast, AmountPaise: -1}, ""},
		{Speech{Language: "en", Said: SaidLate, AmountPaise: protocol.MaxPaise + 1, Order: "1"}, ""},
	} {
		if got := row.speech.Caption(); got != row.want {
			t.Errorf("%+v: %q, want %q", row.speech, got, row.want)
		}
		if empty := len(row.speech.Clips()) == 0; empty != (row.want == "") {
			t.Errorf("%+v has the clips %v", row.speech, row.speech.Clips())
		}
	}
	for _, said := range allSaid() {
		s := Speech{Said: said}
		if money := said == SaidReceived || said == SaidLate || said == SaidFailed; s.Money() != money || s.IsZero() {
			t.Errorf("%s: money %v, zero %v", said, s.Money(), s.IsZero())
		}
	}
}

func allSaid() []Said {
	return []Said{
		SaidReceived, SaidLate, SaidFailed, SaidNoInternet, SaidLast, SaidLanguage, SaidVoiceOn, SaidVoiceOff, SaidSoundTest,
	}
}

// TestEveryAmountIsHeardRight: whoever hears it and writes it down, by rules that
// know nothing of how it was made, writes the amount.
func TestEveryAmountIsHeardRight(t *testing.T) {
	t.Parallel()
	check := func(t rapid.TB, p protocol.Paise) {
		t.Helper()
		for _, l := range listeners() {
			caption := (Speech{Language: l.language, Said: SaidReceived, AmountPaise: p}).Caption()
			if heard, err := l.hear(caption); err != nil || heard != p {
				t.Fatalf("%s says %q, heard as %s, %v", p, caption, heard, err)
			}
		}
	}
	for p := range protocol.Paise(3_000) {
		check(t, p+1)                                           // every paisa up to 30 rupees
		check(t, (p+1)*100)                                     // every rupee up to 3,000
		check(t, min((p+1)*33_333_33+p%100, protocol.MaxPaise)) // and up to the most
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, protocol.Paise(rapid.Int64Range(1, int64(protocol.MaxPaise)).Draw(t, "paise")))
	})
}

// listener writes down what it hears in a language.
type listener struct {
	language                       string
	received                       []string // what is said around the amount
	and                            string
	rupee, rupees, paisa, paise    string
	hundred, thousand, lakh, crore string
	small                          func(word string) (int64, bool) // 0 to 99, or a part of it
}

func listeners() []listener {
	return []listener{
		{"en", []string{"Received "}, "and", "rupee", "rupees", "paisa", "paise", "hundred", "thousand", "lakh", "crore", english},
		{"hi", []string{" प्राप्त हुए", " प्राप्त हुआ"}, "-", "रुपया", "रुपये", "पैसा", "पैसे", "सौ", "हज़ार", "लाख", "करोड़", hindi},
	}
}

func (l listener) hear(caption string) (protocol.Paise, error) {
	text := caption
	for _, around := range l.received {
		text = strings.ReplaceAll(text, around, "")
	}
	if text == caption {
		return 0, fmt.Errorf("nothing was received")
	}
	var paise, whole, part int64
	for word := range strings.SplitSeq(text, " ") {
		scale := map[string]int64{l.thousand: 1_000, l.lakh: 1_00_000, l.crore: 1_00_00_000}[word]
		switch n, ok := l.small(word); {
		case ok:
			part += n
		case word == l.hundred:
			part *= 100
		case scale > 0:
			whole, part = whole+part*scale, 0
		case word == l.rupee && whole+part == 1, word == l.rupees && whole+part != 1:
			paise, whole, part = (whole+part)*100, 0, 0
		case word == l.paisa && whole+part == 1, word == l.paise && whole+part != 1:
			paise, whole, part = paise+whole+part, 0, 0
		case word == l.and && paise > 0:
		default:
			return 0, fmt.Errorf("%q means nothing there", word)
		}
	}
	if whole+part > 0 {
		return 0, fmt.Errorf("%d of what", whole+part)
	}
	return protocol.Paise(paise), nil
}

// english knows the numbers by their roots.
func english(word string) (int64, bool) {
	roots := []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	if i := slices.Index(roots, word); i >= 0 {
		return int64(i), true
	}
	if i := slices.Index([]string{"ten", "eleven", "twelve"}, word); i >= 0 {
		return int64(10 + i), true
	}
	stems := []string{"", "", "twen", "thir", "for", "fif", "six", "seven", "eigh", "nine"}
	for i, stem := range stems {
		switch {
		case stem == "":
		case word == stem+"ty":
			return int64(10 * i), true
		case word == stem+"teen" && i > 2, word == "fourteen" && i == 4:
			return int64(10 + i), true
		}
	}
	return 0, false
}

// hindi knows the numbers up to 20 and the tens, and takes the others apart: how a
// word ends says its ten, how it begins its ones. "One less than" belongs to the
// ten before; 89 and 99 alone are nine more.
func hindi(word string) (int64, bool) {
	first := strings.Fields("शून्य एक दो तीन चार पाँच छह सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस बीस")
	if i := slices.Index(first, word); i >= 0 {
		return int64(i), true
	}
	if i := slices.Index(strings.Fields("तीस चालीस पचास साठ सत्तर अस्सी नब्बे"), word); i >= 0 {
		return int64(10 * (i + 3)), true
	}
	switch word {
	case "नवासी":
		return 89, true
	case "निन्यानवे":
		return 99, true
	}
	ten := int64(0)
	for _, end := range []struct {
		ending string
		ten    int64
	}{{"तीस", 30}, {"ालीस", 40}, {"ीस", 20}, {"ईस", 20}, {"वन", 50}, {"पन", 50}, {"चास", 50}, {"सठ", 60}, {"हत्तर", 70}, {"ासी", 80}, {"नवे", 90}} {
		if ten == 0 && strings.HasSuffix(word, end.ending) {
			ten = end.ten
		}
	}
	if ten == 0 {
		return 0, false
	}
	for _, begin := range []struct {
		beginning string
		ones      int64
	}{{"उन", -1}, {"इक", 1}, {"ब", 2}, {"त", 3}, {"च", 4}, {"प", 5}, {"छ", 6}, {"स", 7}, {"अ", 8}} {
		if strings.HasPrefix(word, begin.beginning) {
			return ten + begin.ones, true
		}
	}
	return 0, false
}

// TestEveryClipIsSaid: each language has the clips that some speech needs, and no
// other.
func TestEveryClipIsSaid(t *testing.T) {
	t.Parallel()
	if err := spoken().err; err != nil {
		t.Fatal(err)
	}
	for _, lang := range Languages() {
		needed := map[Clip]bool{}
		for _, said := range allSaid() {
			for n := range protocol.Paise(100) {
				for _, p := range []protocol.Paise{n + 1, (n + 1) * 100, n + 1_00, n + protocol.MaxPaise - 99} {
					for _, c := range (Speech{Language: lang, Said: said, AmountPaise: p, Order: "0123"}).Clips() {
						needed[c] = true
					}
				}
			}
			for _, c := range (Speech{Language: lang, Said: said, AmountPaise: 12_34_567_00}).Clips() {
				needed[c] = true
			}
		}
		delete(needed, Pause)
		have := ClipsOf(lang)
		for _, c := range have {
			if !needed[c] {
				t.Errorf("%s: nobody says %q", lang, c)
			}
			if text := c.Text(lang); text == "" || text != strings.TrimSpace(text) {
				t.Errorf("%s: %q is %q", lang, c, text)
			}
			delete(needed, c)
		}
		if len(needed) > 0 {
			t.Errorf("%s has not %v", lang, slices.Sorted(maps.Keys(needed)))
		}
		have[0] = "changed"
		if ClipsOf(lang)[0] == "changed" {
			t.Error("the list is not the caller's")
		}
	}
	if Clip("10").Text("xx") != "ten" || Clip("splendid").Text("en") != "" {
		t.Error("a language that is not spoken is not English, or a word is made up")
	}
}
