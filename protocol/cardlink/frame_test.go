package cardlink_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/cardlink"
	"github.com/galla-pay/galla/protocol/cardlink/cardlinktest"
	"pgregory.net/rapid"
)

// What is no message is refused by rule, in both directions, and no refusal
// repeats what may have been a card's number (failure matrix T23).
func TestRefused(t *testing.T) {
	t.Parallel()
	const tag = "ohjoeodddkajbgdi"
	for _, text := range []string{
		"", " ", "SALE", "sale P1 INR1", "SALE P1", "SALE P1 1", "SALE P1 INR0", "SALE P1 INR01", "SALE P1 INR-1", "SALE P1 INR1.00",
		"SALE P1 INR10000000001", "SALE P1 INR100000000000", "SALE  INR1", "SALE P1  INR1", "SALE P1 INR1 ", " SALE P1 INR1", "SALE P.1 INR1",
		"SALE " + strings.Repeat("P", 65) + " INR1", "LAST", "LAST P1 P2", "STATUS now", "STATE IDLE now", "STATE DANCING",
		"READ P1", "READ " + tag[:15], "READ " + tag + "a", "READ " + strings.ToUpper(tag), "READ ohjoeodddkajbgd1", "PAN 4111111111111111",
		"DECLINED " + tag, "DECLINED " + tag + " no_money", "DECLINED " + tag + " 12345", "DECLINED " + tag + " A1B2C3D4E5", "DECLINED " + tag + " " + strings.Repeat("A", 25),
		"APPROVED " + tag + " INR1 632512004217 VISA DEBIT X4242", "APPROVED " + tag + " INR1 R63251200421 VISA DEBIT X4242",
		"APPROVED " + tag + " INR1 R6325120042170 VISA DEBIT X4242", "APPROVED " + tag + " INR1 R632512004217 V1SA DEBIT X4242",
		"APPROVED " + tag + " INR1 R632512004217 VISA debit X4242", "APPROVED " + tag + " INR1 R632512004217 VISA DEBIT 4242",
		"APPROVED " + tag + " INR1 R632512004217 VISA DEBIT X42424", "APPROVED " + tag + " INR1 R632512004217 VISA DEBIT X",
		"APPROVED " + tag + " INR1 - VISA DEBIT X4242", "APPROVED " + tag + " INR1 R632512004217 VISA DEBIT",
	} {
		m, err := cardlink.Parse(text)
		if !errors.Is(err, cardlink.ErrMessage) || m != (cardlink.Message{}) {
			t.Errorf("%q is read as %+v, %v", text, m, err)
		}
	}
	for _, m := range []cardlink.Message{
		{}, {Kind: "PAN"}, {Kind: cardlink.Sale, Ref: "P1"}, {Kind: cardlink.Read, Ref: "P1"}, {Kind: cardlink.Last, Ref: "P1", Code: "51"},
		{Kind: cardlink.Read, Tag: tag, RRN: "4111111111111111"}, {Kind: cardlink.Declined, Tag: tag, Code: "4111111111111111"},
		{Kind: cardlink.Read, Tag: "4111111111111111"}, {Kind: cardlink.State, Doing: "4111111111111111"},
	} {
		text, err := m.Text()
		if !errors.Is(err, cardlink.ErrMessage) || text != "" || strings.Contains(err.Error(), "4111") {
			t.Errorf("%+v is written as %q, %v", m, text, err)
		}
	}
	for _, f := range []cardlink.Frame{
		{}, {Kind: "X"}, {Kind: cardlink.Keep}, {Kind: cardlink.Keep, Session: "short"}, {Kind: cardlink.Keep, Session: "UPPERCAS"},
		{Kind: cardlink.Keep, Session: session, N: 1}, {Kind: cardlink.Nak, Session: session}, {Kind: cardlink.Ack, Session: session},
		{Kind: cardlink.Ack, Session: session, N: cardlink.MaxN + 1}, {Kind: cardlink.Ack, Session: session, N: 1, Message: approved()},
		{Kind: cardlink.Data, Session: session, N: 1},
	} {
		if text, err := cardlink.Encode(f); !errors.Is(err, cardlink.ErrMessage) || text != nil {
			t.Errorf("%+v is written as %q, %v", f, text, err)
		}
	}
}

// A reader cannot say a card's number: whatever it puts into whichever field, what
// can be written has no run of more than 12 digits, and those only as the rrn.
func TestNoFieldHoldsACardNumber(t *testing.T) {
	t.Parallel()
	texts := append(cardlinktest.PANs(), "4111 1111 1111 1111", "4111-1111-1111-1111", "411111111111", "1111", "VISA", "A4B1C1D1E1", "")
	passed := 0
	rapid.Check(t, func(t *rapid.T) {
		any := rapid.OneOf(rapid.SampledFrom(texts), rapid.StringMatching(`[A-Z0-9_]{0,20}`), rapid.StringMatching(`[0-9]{12,19}`), rapid.StringMatching(`[a-p]{16}`))
		m := cardlink.Message{
			Kind: rapid.SampledFrom(cardlink.Kinds()).Draw(t, "kind"), AmountPaise: rapid.Int64().Draw(t, "amount"),
			Tag: cardlink.Tag(any.Draw(t, "tag")), RRN: any.Draw(t, "rrn"), Network: any.Draw(t, "network"),
			Type: any.Draw(t, "type"), Last4: any.Draw(t, "last4"), Code: any.Draw(t, "code"), Doing: cardlink.Doing(any.Draw(t, "doing")),
		}
		// Half of the time all but one field are as they should be.
		if rapid.Bool().Draw(t, "nearly good") {
			good := examples()[3+slices.Index(cardlink.Kinds(), m.Kind)].Message
			good.Ref = ""
			switch rapid.IntRange(0, 5).Draw(t, "field") {
			case 0:
				good.RRN = m.RRN
			case 1:
				good.Network = m.Network
			case 2:
				good.Type = m.Type
			case 3:
				good.Last4 = m.Last4
			case 4:
				good.Code = m.Code
			}
			m = good
		}
		text, err := m.Text()
		if err != nil {
			return
		}
		passed++
		if pan, found := cardlinktest.FindPAN([]byte(text)); found {
			t.Fatalf("%q holds %s", text, pan)
		}
		for _, word := range strings.Fields(text) {
			digits := 0
			for _, c := range word {
				if c >= '0' && c <= '9' {
					digits++
				}
			}
			if digits > 12 || digits == 12 && word != "R"+m.RRN {
				t.Fatalf("%q has a word of %d digits", text, digits)
			}
		}
	})
	if passed == 0 {
		t.Error("nothing could be written at all")
	}
}

// Any one byte of a frame that becomes another, is lost, or has another before it:
// nothing is read but what was written, and the next frame is read whole.
func TestEveryBytesFlip(t *testing.T) {
	t.Parallel()
	next := cardlink.Frame{Kind: cardlink.Data, Session: session, N: 99, Message: cardlink.Message{Kind: cardlink.Status}}
	for n, f := range examples() {
		text := encode(t, f)
		for i := range text {
			// Every value for one frame; for the others each bit, and what means
			// something on the line.
			values := []int{1, 2, 4, 8, 16, 32, 64, 128, int(text[i] ^ '$'), int(text[i] ^ '*'), int(text[i] ^ '\n'), int(text[i] ^ ' ')}
			if n == 4 {
				values = values[:0]
				for x := range 256 {
					values = append(values, x)
				}
			}
			for _, x := range values {
				if x == 0 {
					continue
				}
				flipped := bytes.Clone(text)
				flipped[i] ^= byte(x)
				if got, _ := decode(append(flipped, encode(t, next)...)); !slices.Equal(got, []cardlink.Frame{next}) {
					t.Fatalf("%q with byte %d as %#x is read as %+v", text, i, flipped[i], got)
				}
			}
			lost := append(bytes.Clone(text[:i]), text[i+1:]...)
			if got, _ := decode(append(lost, encode(t, next)...)); !slices.Equal(got, []cardlink.Frame{next}) {
				t.Fatalf("%q is read as %+v", lost, got)
			}
			for _, x := range values {
				more := append(append(bytes.Clone(text[:i]), byte(x)), text[i:]...)
				got, _ := decode(append(more, encode(t, next)...))
				want := []cardlink.Frame{next}
				if bytes.HasSuffix(more, text) || bytes.HasPrefix(more, text) { // the byte is beside the frame
					want = []cardlink.Frame{f, next}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%q is read as %+v", more, got)
				}
			}
		}
	}
}

// FuzzDecoder: whatever comes, every frame that is read stands there as it would
// be written, byte for byte; how it was cut changes nothing; and a good frame
// behind it is always read.
func FuzzDecoder(f *testing.F) {
	var all []byte
	for _, e := range examples() {
		text, err := cardlink.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, 3)
		all = append(all, text...)
	}
	f.Add(all, 7)
	f.Add([]byte("$G1 N*00000000\n$$G1 D"), 1)
	f.Fuzz(func(t *testing.T, noise []byte, cut int) {
		last := cardlink.Frame{Kind: cardlink.Keep, Session: session}
		text := append(bytes.Clone(noise), encode(t, last)...)
		whole, wholeBad := decode(text)
		if len(whole) == 0 || whole[len(whole)-1] != last {
			t.Fatalf("behind %q nothing is read", noise)
		}
		rest := text
		for _, frame := range whole {
			_, after, ok := bytes.Cut(rest, encode(t, frame))
			if !ok {
				t.Fatalf("%+v is read from %q", frame, text)
			}
			rest = after
		}
		var d cardlink.Decoder
		var pieces []cardlink.Frame
		bad, step := 0, 1+(cut%17+17)%17
		for piece := range slices.Chunk(text, step) {
			d.Feed(piece, func(f cardlink.Frame) { pieces = append(pieces, f) }, func() { bad++ })
		}
		if !slices.Equal(pieces, whole) || bad != wholeBad {
			t.Fatalf("in pieces of %d: %+v, %d bad; whole: %+v, %d", step, pieces, bad, whole, wholeBad)
		}
	})
}

// FuzzFlip: any one byte of any frame that becomes another is noticed.
func FuzzFlip(f *testing.F) {
	f.Add("P1", int64(24_500), uint(12), byte(1))
	f.Add("G1-D-abcdefgh-1", int64(1), uint(8), byte('$'^' '))
	f.Fuzz(func(t *testing.T, ref string, amount int64, at uint, flip byte) {
		frame := cardlink.Frame{Kind: cardlink.Data, Session: session, N: 1, Message: cardlink.Message{Kind: cardlink.Sale, Ref: ref, AmountPaise: amount}}
		text, err := cardlink.Encode(frame)
		if err != nil || flip == 0 {
			return
		}
		if got, bad := decode(text); bad != 0 || !slices.Equal(got, []cardlink.Frame{frame}) {
			t.Fatalf("%q is read as %+v", text, got)
		}
		text[at%uint(len(text))] ^= flip
		if got, _ := decode(text); len(got) != 0 {
			t.Fatalf("%q is read as %+v", text, got)
		}
	})
}
