package upixml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// The eight ways of wrapping a signed message in a forged one (Somorovsky et
// al., On Breaking SAML, as testers number them), for both messages that move
// money, by URI "" and by Id (failure matrix T10). The forged message always
// says 7999.00 and thief@upi. Nothing of it may ever be taken.
func TestSignatureWrapping(t *testing.T) {
	t.Parallel()
	const evilID = `Id="evil"`
	messages := []struct{ root, doc string }{
		{"ReqValQr", change(t, reqValQr, "  <Signature>...</Signature>\n", "", "<Mcc>", "<PayeeAddr>merchant@upi</PayeeAddr>\n  <Mcc>")},
		{"ReqPay", reqPay},
	}
	count := 0
	for _, m := range messages {
		for _, id := range []string{"", `Id="m1"`} {
			original := m.doc
			if id != "" {
				original = change(t, original, "<"+m.root+">", "<"+m.root+" "+id+">")
			}
			signed := mustSign(t, original)
			from := strings.Index(signed, "<ds:Signature ")
			to := strings.Index(signed, "</ds:Signature>") + len("</ds:Signature>")
			signature := signed[from:to]
			sigOpen, sigRest := signature[:strings.Index(signature, ">")+1], signature[strings.Index(signature, ">")+1:]
			sigBody := strings.TrimSuffix(sigRest, "</ds:Signature>")
			body := signed[:from] + signed[to:] // the original without its signature

			for _, newID := range []string{id, evilID, ""} {
				evil := change(t, m.doc, "1000.00", "7999.00", "merchant@upi", "thief@upi")
				evil = change(t, evil, "<"+m.root+">", strings.Replace("<"+m.root+" "+newID+">", " >", ">", 1))
				end := "</" + m.root + ">"
				with := func(doc, at, insert string) string { return change(t, doc, at, insert+at) }
				variants := []struct{ name, doc string }{
					{"1: forged root, original after SignedInfo in Signature", with(evil, end, sigOpen+sigBody+body+"</ds:Signature>")},
					{"1: the same, original before SignedInfo", with(evil, end, sigOpen+body+sigBody+"</ds:Signature>")},
					{"2: forged root, original beside the Signature", with(evil, end, body+signature)},
					{"2: the same, Signature first", with(evil, end, signature+body)},
					{"3: envelope, forged before original", "<Envelope>" + evil + signed + "</Envelope>"},
					{"3: two roots, forged before original", evil + signed},
					{"3: two roots, original before forged", signed + evil},
					{"4: forged root around the signed original", with(evil, end, signed)},
					{"4: forged root, signed original first", strings.Replace(evil, ">", ">"+signed, 1)},
					{"5: forged with the Signature, original copy as second root", with(evil, end, signature) + body},
					{"5: the same with the original copy as last child", with(evil, end, signature+body)},
					{"6: forged with the Signature, original inside KeyInfo", with(evil, end, strings.Replace(signature, "</ds:KeyInfo>", body+"</ds:KeyInfo>", 1))},
					{"6: the same inside SignatureValue", with(evil, end, strings.Replace(signature, "</ds:SignatureValue>", body+"</ds:SignatureValue>", 1))},
					{"7: forged root, signed original in Extensions", with(evil, end, "<Extensions>"+signed+"</Extensions>"+signature)},
					{"7: original root, forged in Extensions", with(signed, "<ds:Signature ", "<Extensions>"+evil+"</Extensions>")},
					{"8: forged root, original in an Object of Signature", with(evil, end, sigOpen+sigBody+"<ds:Object>"+body+"</ds:Object></ds:Signature>")},
					{"8: original root, forged in an Object", strings.Replace(signed, "</ds:Signature>", "<ds:Object>"+evil+"</ds:Object></ds:Signature>", 1)},
					{"8: forged root, Object before SignedInfo", with(evil, end, sigOpen+"<ds:Object>"+body+"</ds:Object>"+sigBody+"</ds:Signature>")},
					{"forged root with the Signature", with(evil, end, signature)},
					{"forged root with two Signatures", with(evil, end, signature+signature)},
					{"original, forged root as first child", strings.Replace(signed, ">", ">"+evil, 1)},
				}
				for _, v := range variants {
					count++
					t.Run(fmt.Sprintf("%s %q %q %s", m.root, id, newID, v.name), func(t *testing.T) {
						t.Parallel()
						if got, err := upixml.Verify([]byte(v.doc), pinned(t), signedAt); err == nil {
							t.Fatalf("taken as\n%s\nin\n%s", got, v.doc)
						}
					})
				}
			}
			// The loop above must not pass because nothing is ever taken.
			if _, err := upixml.Verify([]byte(signed), pinned(t), signedAt); err != nil {
				t.Fatalf("the unwrapped original is refused: %v", err)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d wrapped documents", count)
	}
}
