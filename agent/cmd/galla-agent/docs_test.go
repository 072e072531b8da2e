package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board"
	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/protocol"
)

const docs = "../../../docs"

// TestGuidesAreUpToDate makes what is made in the guides again, out of the tables
// that the program itself works with; -update writes it.
func TestGuidesAreUpToDate(t *testing.T) { // not in parallel: others read what it writes
	for file, blocks := range map[string]map[string]string{
		"field-guide.md":  {"wiring": wiringTables(), "lamp": lampTable(t), "holds": holdsTable()},
		"cashier-card.md": {"screens": screensTable(t), "holds": holdsOfTheCard(t)},
	} {
		path := filepath.Join(docs, file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := string(text)
		for name, block := range blocks {
			begin, end := "<!-- "+name+": made, see the test -->\n", "<!-- end of "+name+" -->\n"
			before, rest, found := strings.Cut(got, begin)
			_, after, ended := strings.Cut(rest, end)
			if !found || !ended {
				t.Fatalf("%s has no place for %s", file, name)
			}
			got = before + begin + "\n" + block + "\n" + end + after
		}
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if got != string(text) {
			t.Errorf("%s is stale: go test ./agent/cmd/galla-agent -update", file)
		}
	}
}

// wiringTables are those of every panel and of every part beside it.
func wiringTables() string {
	var tables []string
	for _, k := range panel.Kinds() {
		tables = append(tables, k.WiringTable())
	}
	for _, p := range board.Parts() {
		tables = append(tables, p.WiringTable())
	}
	return strings.Join(tables, "\n")
}

// doings are what lamp and sounds tell apart, in the order of a terminal's day.
func doings() []struct {
	about string
	now   agent.Status
} {
	with := func(mode protocol.Mode, change func(*agent.Status)) agent.Status {
		s := agent.Status{Mode: mode, Link: true, Language: "en", PaymentID: "A", AmountPaise: 245_00}
		if change != nil {
			change(&s)
		}
		return s
	}
	result := func(o protocol.Outcome) agent.Status {
		return with(protocol.ModeResult, func(s *agent.Status) { s.Result = o })
	}
	return []struct {
		about string
		now   agent.Status
	}{
		{"it starts", with(protocol.ModeStarting, nil)},
		{"it joins its sandbox", with(protocol.ModeEnrolling, nil)},
		{"no connection", with(protocol.ModeOffline, func(s *agent.Status) { s.Link = false })},
		{"ready", with(protocol.ModeIdle, nil)},
		{"a bill's number is typed in", with(protocol.ModePulling, nil)},
		{"a new bill: accept or reject?", with(protocol.ModePrompting, nil)},
		{"QR or card?", with(protocol.ModeChoosing, nil)},
		{"the QR is shown", with(protocol.ModePresenting, func(s *agent.Status) { s.PayMode = protocol.PayDQR })},
		{"a card is wanted", with(protocol.ModePresenting, func(s *agent.Status) { s.PayMode = protocol.PayCard })},
		{"the bank is asked", with(protocol.ModeChecking, nil)},
		{"paid", result(protocol.OutcomeSucceeded)},
		{"failed, or rejected", result(protocol.OutcomeFailed)},
		{"time over", result(protocol.OutcomeExpired)},
		{"cancelled", result(protocol.OutcomeCancelled)},
		{"not confirmed", result(protocol.OutcomeUnknown)},
		{"broken", with(protocol.ModeFault, nil)},
		{"self-test", with(protocol.ModeTesting, nil)},
		{"restarts for an update", with(protocol.ModeUpdating, nil)},
	}
}

// patternWords are how people call the patterns.
var patternWords = map[signals.Pattern]string{
	signals.Off: "off", signals.Dim: "dim", signals.Solid: "steady", signals.Slow: "on and off slowly", signals.Chase: "on and off fast",
	signals.Breathe: "breathes", signals.DoubleBlink: "two blinks every 5 s", signals.ThreeBlinks: "three blinks, then steady",
	signals.OneBlink: "one blink, then steady",
}

// toneWords are how people call the tones.
var toneWords = map[string]string{
	"": "-", "tick": "a tick", "new-bill": "two tones, again every 10 s", "chime": "a rising chime", "low": "a long low tone",
	"soft-low": "a soft low tone", "alarm": "three short tones",
}

// lampTable is signals' table in words.
func lampTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| The terminal | Lamp | Sound | Voice |\n|---|---|---|---|\n")
	idle := agent.Status{Mode: protocol.ModeIdle, Link: true, Language: "en"}
	for _, d := range doings() {
		light := signals.LightOf(d.now)
		before := idle
		if d.now.Mode == protocol.ModeIdle {
			before = agent.Status{Mode: protocol.ModeStarting}
		}
		sound := signals.Cue(before, d.now)
		pattern, known := patternWords[light.Pattern]
		tone, heard := toneWords[sound.Tone.Name]
		if !known || !heard {
			t.Fatalf("%s: there is no word for %v or %q", d.about, light, sound.Tone.Name)
		}
		said := "-"
		if caption := sound.Speech.Caption(); caption != "" {
			said = "“" + caption + "”"
		}
		fmt.Fprintf(&b, "| %s | %s, %s | %s | %s |\n", d.about, light.Colour, pattern, tone, said)
	}
	return b.String()
}

// meaning is what the keys do that only a long press makes.
var meaning = map[agent.Key][2]string{
	agent.KeyRepeat:   {"says the last payment again", "पिछला भुगतान फिर बताता है"},
	agent.KeyLanguage: {"next language", "अगली भाषा"},
	agent.KeyMute:     {"voice off, or on again", "आवाज़ बंद या चालू"},
	agent.KeyTest:     {"self-test; again: leaves it", "मशीन की जाँच"},
}

// holdsTable is board.DefaultHolds for engineers.
func holdsTable() string {
	var b strings.Builder
	b.WriteString("| Key, held | What it does |\n|---|---|\n")
	for _, key := range agent.AllKeys() {
		if means, held := board.DefaultHolds()[key]; held {
			fmt.Fprintf(&b, "| %s | %s |\n", key, meaning[means][0])
		}
	}
	return b.String()
}

// holdsOfTheCard is the same for cashiers, with the keys as the screen calls them.
func holdsOfTheCard(t *testing.T) string {
	t.Helper()
	names := map[agent.Key][2]string{agent.KeyOK: {"**OK** (#)", "**OK** (#)"}, agent.KeyClear: {"**Clear** (*)", "**Clear** (*)"}}
	for key, word := range map[agent.Key]string{agent.KeyAccept: "prompt.accept", agent.KeyReject: "prompt.reject"} {
		names[key] = [2]string{"**" + words(t, "en")[word] + "**", "**" + words(t, "hi")[word] + "**"}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| Hold for %.0f s | | %.0f सेकंड दबाएँ | |\n|---|---|---|---|\n", board.HoldFor.Seconds(), board.HoldFor.Seconds())
	for _, key := range agent.AllKeys() {
		if means, held := board.DefaultHolds()[key]; held {
			if names[key][0] == "" || meaning[means][0] == "" {
				t.Fatalf("there is no word for %s held, which is %s", key, means)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", names[key][0], meaning[means][0], names[key][1], meaning[means][1])
		}
	}
	return b.String()
}

// words are the texts of the screen in a language, from the file that is in the
// program.
func words(t *testing.T, lang string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../internal/screen/words/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// cardRows are what the cashier card explains: a state, whether its picture is
// there, its words and what to do.
var cardRows = []struct {
	state  string
	shown  bool
	words  []string
	en, hi string
}{
	{"idle", true, []string{"idle.ready"}, "You can begin.", "आप शुरू कर सकते हैं।"},
	{"prompting", true, []string{"prompt.title", "prompt.accept", "prompt.reject"}, "Is it this customer's bill? Press the key.", "क्या यह इसी ग्राहक का बिल है? बटन दबाएँ।"},
	{"presenting", true, []string{"presenting.scan"}, "Let the customer scan, at about 25 cm.", "ग्राहक को लगभग 25 सेमी से स्कैन करने दें।"},
	{"checking", true, []string{"checking.title", "checking.warn"}, "Wait. Nobody pays a second time.", "रुकें। कोई दोबारा भुगतान न करे।"},
	{"succeeded", true, []string{"paid.title"}, "Money came in. Hand over the goods.", "पैसा मिल गया। सामान दे दें।"},
	{"succeeded-late", false, []string{"paid.title", "paid.late"}, "An earlier bill was paid. Do not ask for it again.", "पुराना बिल चुका दिया गया। दोबारा न माँगें।"},
	{"failed", true, []string{"failed.title", "result.newqr"}, "No money came. Begin again at the till.", "पैसा नहीं आया। काउंटर से फिर शुरू करें।"},
	{"expired", false, []string{"expired.title", "expired.hint"}, "No money came. Begin again at the till.", "पैसा नहीं आया। काउंटर से फिर शुरू करें।"},
	{"unknown", true, []string{"unknown.title", "checking.warn"}, "The till will know later. Note the customer's number.", "काउंटर पर बाद में पता चलेगा। ग्राहक का नंबर लिख लें।"},
	{"offline", true, []string{"offline.title", "offline.noqr"}, "Take cash, or wait.", "नकद लें, या रुकें।"},
	{"fault", false, []string{"fault.badge", "fix.STORAGE_FAULT"}, "Do what it says, then call support.", "जो लिखा है वह करें, फिर सहायता को फ़ोन करें।"},
}

// screensTable shows each picture in both languages, with its words as they are on
// it.
func screensTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| | On the screen | | स्क्रीन पर |\n|---|---|---|---|\n")
	en, hi := words(t, "en"), words(t, "hi")
	bold := func(texts map[string]string, names []string) string {
		var all []string
		for _, name := range names {
			if texts[name] == "" || strings.Contains(texts[name], "%") {
				t.Fatalf("the screen has no text %s, or it is not whole", name)
			}
			all = append(all, "**"+texts[name]+"**")
		}
		return strings.Join(all, " · ")
	}
	for _, r := range cardRows {
		one, two := "", ""
		if r.shown {
			one, two = picture(r.state, "en"), picture(r.state, "hi")
		}
		fmt.Fprintf(&b, "| %s | %s<br>%s | %s | %s<br>%s |\n", one, bold(en, r.words), r.en, two, bold(hi, r.words), r.hi)
	}
	return b.String()
}

// picture is how a guide shows a state.
func picture(state, lang string) string {
	return fmt.Sprintf(`<img src="pictures/%s-%s.png" width="84" alt="%s">`, state, lang, state)
}

// TestTheFieldGuideKnowsEveryLine of doctor, every part of the self-test, every
// verb and every path that it names.
func TestTheFieldGuideKnowsEveryLine(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(docs, "field-guide.md"))
	if err != nil {
		t.Fatal(err)
	}
	guide := string(text)
	c, err := readConfig(configFile(t, wholeExample(t)))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, found := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(guide, -1) {
		rows = append(rows, found[1])
	}
	var lines []string
	for _, test := range (&examination{cfg: c, host: newBench()}).tests() {
		lines = append(lines, test.Name)
	}
	if !slices.Equal(rows, lines) {
		t.Errorf("the guide explains %v, doctor says %v", rows, lines)
	}
	if want := "panel, text, qr, keys, lamp, buzzer, voice"; !strings.Contains(strings.Join(strings.Fields(guide), " "), want) {
		t.Errorf("the guide does not name the parts of the self-test: %s", want)
	}
	if code := doctor.Code([]doctor.Part{{Outcome: doctor.Passed}, {Outcome: doctor.Shown}, {Outcome: doctor.Failed}, {Outcome: doctor.None}}); code != "ST-1230" {
		t.Errorf("the guide reads the code %s otherwise", code)
	}
	_, help, _ := call(t, "--help")
	for _, found := range regexp.MustCompile("`(?:sudo )?galla-agent ([a-z]+)").FindAllStringSubmatch(guide, -1) {
		if !strings.Contains(help, "\n  "+found[1]+" ") {
			t.Errorf("the guide calls galla-agent %s, which there is not", found[1])
		}
	}
	for _, path := range regexp.MustCompile("`(deploy/[a-z/.-]+)`").FindAllStringSubmatch(guide, -1) {
		if _, err := os.Stat(filepath.Join("../../..", path[1])); err != nil {
			t.Error(err)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([a-z/.-]+)\)`).FindAllStringSubmatch(guide, -1) {
		if _, err := os.Stat(filepath.Join(docs, link[1])); err != nil {
			t.Error(err)
		}
	}
}
