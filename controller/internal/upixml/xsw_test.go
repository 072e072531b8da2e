package upixml_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// wrapped is a message that somebody tries to wrap in a forged one.
type wrapped struct {
	name, doc string
	root      string   // as written, prefix included
	forge     []string // what the forger writes instead: each old and its new
	parse     func([]byte) error
}

// npciPay and its like are whole messages of NPCI's dialect.
const (
	npciPay = `<upi:ReqPay xmlns:upi="http://npci.org/upi/schema/">` +
		`<Head ver="2.0" ts="2026-06-12T10:35:00Z" orgId="MER101" msgId="PAY9876543210"/>` +
		`<Txn id="TXN1234567890" type="PAY"><QR verToken="550e8400-e29b-41d4-a716-446655440000"/></Txn>` +
		`<Payer addr="customer@upi"><Amount value="1000.00" curr="INR"/></Payer>` +
		`<Payees><Payee addr="merchant@upi"><Amount value="1000.00" curr="INR"/></Payee></Payees></upi:ReqPay>`
	npciValQr = `<upi:ReqValQr xmlns:upi="http://npci.org/upi/schema/">` +
		`<Head ver="2.0" ts="2026-06-12T10:30:00Z" orgId="MER101" msgId="MSG1234567890"/>` +
		`<Txn id="TXN1" initiationMode="16"><QR query="upi://pay?ver=01&amp;mode=16&amp;pa=merchant@upi"/></Txn>` +
		`<Payer><Amount value="1000.00" curr="INR"/></Payer>` +
		`<Payees><Payee addr="merchant@upi" code="5411"><Amount value="1000.00" curr="INR"/></Payee></Payees></upi:ReqValQr>`
	npciChkTxn = `<upi:ReqChkTxn xmlns:upi="http://npci.org/upi/schema/">` +
		`<Head ver="2.0" ts="2026-06-12T10:36:00Z" orgId="MER101" msgId="CHK1"/>` +
		`<Txn id="TXN2" type="ChkTxn" orgTxnId="TXN1234567890"/></upi:ReqChkTxn>`
)

func wrappedMessages(t *testing.T) []wrapped {
	pay := []string{"1000.00", "7999.00", "merchant@upi", "thief@upi"}
	parsePay := func(doc []byte) error { _, err := upixml.ParseReqPay(doc); return err }
	parseVal := func(doc []byte) error { _, err := upixml.ParseReqValQr(doc); return err }
	parseChk := func(doc []byte) error { _, err := upixml.ParseReqChkTxn(doc); return err }
	return []wrapped{
		{"ReqValQr", change(t, reqValQr, "  <Signature>...</Signature>\n", "", "<Mcc>", "<PayeeAddr>merchant@upi</PayeeAddr>\n  <Mcc>"),
			"ReqValQr", pay, parseVal},
		{"ReqPay", reqPay, "ReqPay", pay, parsePay},
		{"ReqChkTxn", change(t, reqChkTxn, "  <Signature>...</Signature>\n", ""), "ReqChkTxn", []string{"TXN1234567890", "TXN666"}, parseChk},
		{"ReqCollectResult", reqCollectResult, "ReqCollectResult", []string{">1.00<", ">7999.00<", "testvpa@ybl", "thief@ybl"},
			func(doc []byte) error { _, err := upixml.ParseReqCollectResult(doc); return err }},
		{"RespCollect", respCollect, "RespCollect", []string{"<TxnID>GP1", "<TxnID>GP666"},
			func(doc []byte) error { _, err := upixml.ParseRespCollect(doc); return err }},
		{"RespRefund", respRefund, "RespRefund", []string{"<TxnID>GPR", "<TxnID>GP666"},
			func(doc []byte) error { _, err := upixml.ParseRespRefund(doc); return err }},
		{"RespChkTxn", respChk, "RespChkTxn", []string{"<Amount>1.00", "<Amount>7999.00"},
			func(doc []byte) error { _, err := upixml.ParseRespChkTxn(doc); return err }},
		{"NPCI's ReqValQr", npciValQr, "upi:ReqValQr", pay, parseVal},
		{"NPCI's ReqPay", npciPay, "upi:ReqPay", pay, parsePay},
		{"NPCI's ReqChkTxn", npciChkTxn, "upi:ReqChkTxn", []string{"TXN1234567890", "TXN666"}, parseChk},
	}
}

// wrappings are the eight ways of wrapping a signed message in a forged one
// (Somorovsky et al., On Breaking SAML, as testers number them), with some
// more. evil is the forged message, signed the original, sig its Signature.
func wrappings(t *testing.T, root, evil, signed string) []struct{ name, doc string } {
	before, after, found := cutSignature(signed)
	if !found {
		t.Fatal("the original has no signature")
	}
	body := before + after
	sig := signed[len(before) : len(signed)-len(after)]
	sigOpen, sigBody := sig[:strings.Index(sig, ">")+1], strings.TrimSuffix(sig[strings.Index(sig, ">")+1:], "</ds:Signature>")
	end := "</" + root + ">"
	with := func(doc, at, insert string) string {
		i := strings.LastIndex(doc, at)
		if i < 0 {
			t.Fatalf("%q is not in\n%s", at, doc)
		}
		return doc[:i] + insert + doc[i:]
	}
	first := func(doc, insert string) string { return strings.Replace(doc, ">", ">"+insert, 1) }
	return []struct{ name, doc string }{
		{"1: forged root, original after SignedInfo in Signature", with(evil, end, sigOpen+sigBody+body+"</ds:Signature>")},
		{"1: the same, original before SignedInfo", with(evil, end, sigOpen+body+sigBody+"</ds:Signature>")},
		{"2: forged root, original beside the Signature", with(evil, end, body+sig)},
		{"2: the same, Signature first", with(evil, end, sig+body)},
		{"3: envelope, forged before original", "<Envelope>" + evil + signed + "</Envelope>"},
		{"3: two roots, forged before original", evil + signed},
		{"3: two roots, original before forged", signed + evil},
		{"4: forged root around the signed original", with(evil, end, signed)},
		{"4: forged root, signed original first", first(evil, signed)},
		{"5: forged with the Signature, original copy as second root", with(evil, end, sig) + body},
		{"5: the same with the original copy as last child", with(evil, end, sig+body)},
		{"6: forged with the Signature, original inside KeyInfo", with(evil, end, with(sig, "</ds:KeyInfo>", body))},
		{"6: the same inside SignatureValue", with(evil, end, with(sig, "</ds:SignatureValue>", body))},
		{"7: forged root, signed original in Extensions", with(evil, end, "<Extensions>"+signed+"</Extensions>"+sig)},
		{"7: original root, forged in Extensions", with(signed, "<ds:Signature ", "<Extensions>"+evil+"</Extensions>")},
		{"8: forged root, original in an Object of Signature", with(evil, end, sigOpen+sigBody+"<ds:Object>"+body+"</ds:Object></ds:Signature>")},
		{"8: original root, forged in an Object", with(signed, "</ds:Signature>", "<ds:Object>"+evil+"</ds:Object>")},
		{"8: forged root, Object before SignedInfo", with(evil, end, sigOpen+"<ds:Object>"+body+"</ds:Object>"+sigBody+"</ds:Signature>")},
		{"forged root with the Signature", with(evil, end, sig)},
		{"forged root with two Signatures", with(evil, end, sig+sig)},
		{"forged root, a Signature in each half", first(with(evil, end, sig), sig)},
		{"forged root, the Signature one level down", with(evil, end, "<Extensions>"+sig+"</Extensions>")},
		{"original, forged root as first child", first(signed, evil)},
		{"original, forged inside KeyInfo", with(signed, "</ds:KeyInfo>", evil)},
		{"original, forged inside DigestValue", with(signed, "</ds:DigestValue>", evil)},
	}
}

// Nothing of a forged message is ever taken: of each message, by URI "" and by
// Id, with the forged root under the original's Id, another and none (failure
// matrix T10).
func TestSignatureWrapping(t *testing.T) {
	t.Parallel()
	count := 0
	for _, m := range wrappedMessages(t) {
		for _, id := range []string{"", ` Id="m1"`} {
			open := "<" + m.root
			signed := mustSign(t, change(t, m.doc, open, open+id))
			for _, newID := range []string{"", ` Id="m1"`, ` Id="evil"`} {
				evil := change(t, change(t, m.doc, m.forge...), open, open+newID)
				for _, v := range wrappings(t, m.root, evil, signed) {
					count++
					t.Run(fmt.Sprintf("%s %q %q %s", m.name, id, newID, v.name), func(t *testing.T) {
						t.Parallel()
						got, err := upixml.Verify([]byte(v.doc), pinned(t), signedAt)
						var refusal *upixml.Error
						if !errors.As(err, &refusal) || refusal.Code != "BR" && refusal.Code != "ZF" || got != nil {
							t.Fatalf("taken as\n%s\nin\n%s", got, v.doc)
						}
					})
				}
			}
			// The loop above must not pass because nothing is ever taken.
			part, err := upixml.Verify([]byte(signed), pinned(t), signedAt)
			if err != nil {
				t.Fatalf("the unwrapped original is refused: %v", err)
			}
			if err := m.parse(part); err != nil {
				t.Fatalf("the original is no message: %v\n%s", err, part)
			}
		}
	}
	if count != 10*2*3*25 {
		t.Errorf("%d wrapped documents", count)
	}
}
