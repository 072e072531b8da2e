package cardlink_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/cardlink"
)

var update = flag.Bool("update", false, "write the golden frames anew")

const (
	session = "qkzvbtwx"
	ref     = "GP0DA4G2Q7PTUK1B8J5SR0C6E9LM"
)

// examples are one of each frame, and of each message in one.
func examples() []cardlink.Frame {
	frames := []cardlink.Frame{
		{Kind: cardlink.Ack, Session: session, N: 17},
		{Kind: cardlink.Nak},
		{Kind: cardlink.Keep, Session: session},
	}
	for i, k := range cardlink.Kinds() {
		m := cardlink.Message{Kind: k}
		switch k {
		case cardlink.Status:
		case cardlink.State:
			m.Doing = cardlink.AskedCard
		case cardlink.Sale:
			m.Ref, m.AmountPaise = ref, 24_500
		case cardlink.Approved:
			m = approved()
		case cardlink.Declined:
			m.Tag, m.Code = cardlink.TagOf(ref), "INSUFFICIENT_FUNDS"
		case cardlink.Error:
			m.Tag, m.Code = cardlink.TagOf(ref), cardlink.CodeBusy
		default:
			if m.Tag = cardlink.TagOf(ref); !k.FromReader() {
				m.Tag, m.Ref = "", ref
			}
		}
		frames = append(frames, cardlink.Frame{Kind: cardlink.Data, Session: session, N: i + 1, Message: m})
	}
	least := approved()
	least.Network, least.Type, least.Last4, least.AmountPaise = "", "", "", 1
	most := cardlink.Message{Kind: cardlink.Sale, Ref: strings.Repeat("Zz09_-az", 8), AmountPaise: cardlink.MaxAmount}
	return append(frames,
		cardlink.Frame{Kind: cardlink.Data, Session: session, N: cardlink.MaxN, Message: least},
		cardlink.Frame{Kind: cardlink.Data, Session: session, N: cardlink.MaxN, Message: most},
	)
}

func approved() cardlink.Message {
	return cardlink.Message{
		Kind: cardlink.Approved, Tag: cardlink.TagOf(ref), AmountPaise: 24_500,
		RRN: "632512004217", Network: "VISA", Type: "DEBIT", Last4: "4242",
	}
}

func encode(t *testing.T, f cardlink.Frame) []byte {
	t.Helper()
	text, err := cardlink.Encode(f)
	if err != nil {
		t.Fatalf("%+v: %v", f, err)
	}
	return text
}

// decode is every frame of some bytes, and how many were bad.
func decode(text []byte) (frames []cardlink.Frame, bad int) {
	var d cardlink.Decoder
	d.Feed(text, func(f cardlink.Frame) { frames = append(frames, f) }, func() { bad++ })
	return frames, bad
}

// TestGoldenFrames: what goes over the line is what went over it before, to the
// byte, and is read back.
func TestGoldenFrames(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "frames.golden")
	var all strings.Builder
	kinds := map[cardlink.Kind]bool{}
	for _, f := range examples() {
		text := encode(t, f)
		all.Write(text)
		kinds[f.Message.Kind] = true
		if back, bad := decode(text); bad != 0 || !slices.Equal(back, []cardlink.Frame{f}) {
			t.Errorf("%q is read as %+v", text, back)
		}
		if len(text) > cardlink.MaxFrame {
			t.Errorf("%q has %d bytes", text, len(text))
		}
	}
	for _, k := range cardlink.Kinds() {
		if !kinds[k] {
			t.Errorf("there is no golden of %s", k)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != all.String() {
		t.Fatalf("the frames are\n%swant\n%s%v", all.String(), want, err)
	}
	if back, bad := decode(want); bad != 0 || !slices.Equal(back, examples()) {
		t.Errorf("one after another they are read as %+v", back)
	}
}

// TestTheSpecification: the package's text says the numbers and words of the code.
func TestTheSpecification(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(string(source), "//", " ")), " ")
	for _, said := range []string{
		fmt.Sprintf("Resend (%d ms)", cardlink.Resend.Milliseconds()),
		fmt.Sprintf("GiveUp (%d s)", int(cardlink.GiveUp.Seconds())),
		fmt.Sprintf("NakGap (%d ms)", cardlink.NakGap.Milliseconds()),
		fmt.Sprintf("KeepAlive (%d s)", int(cardlink.KeepAlive.Seconds())),
		fmt.Sprintf("Silence (%d s)", int(cardlink.Silence.Seconds())),
		fmt.Sprintf("NotedLimit (%d s)", int(cardlink.NotedLimit.Seconds())),
		fmt.Sprintf("INR and 1 to %d", int64(cardlink.MaxAmount)),
		fmt.Sprintf("n is 1 to %d", cardlink.MaxN),
		cardlink.CodeBusy, cardlink.CodeOtherAmount, cardlink.CodeFault, cardlink.CodeNotAuthorised,
	} {
		if !strings.Contains(text, said) {
			t.Errorf("the specification does not say %q", said)
		}
	}
	_, messages, _ := strings.Cut(text, "# What a terminal says")
	for _, k := range cardlink.Kinds() {
		if !strings.Contains(messages, " "+string(k)+" ") {
			t.Errorf("the specification does not say %s", k)
		}
	}
	if got := cardlink.TagOf("P1"); got != "plokohmbigghlgji" {
		t.Errorf("the tag of P1 is %s", got)
	}
}
