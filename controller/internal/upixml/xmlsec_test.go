package upixml_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// xmlsec1 is the second opinion on signatures: what it signs, Verify takes; what
// Sign signs, it takes; what is tampered with, both refuse.

func xmlsec1(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("xmlsec1"); err != nil {
		t.Fatalf("the xmlsec1 program is needed for this test: %v", err)
	}
	return runXmlsec(args...)
}

func runXmlsec(args ...string) (string, error) {
	out, err := exec.Command("xmlsec1", args...).CombinedOutput()
	return string(out), err
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func keyFile(t *testing.T) string { return privateKey(t, "signer.key.pem") }

func privateKey(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "key.pem", strings.ReplaceAll(string(text), "TESTING KEY", "PRIVATE KEY"))
}

var (
	certFile     = filepath.Join("testdata", "signer.cert.pem")
	p256CertFile = filepath.Join("testdata", "signer.p256.cert.pem")
)

func TestXmlsecTakesOurs(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"ReqPay":            reqPay,
		"ReqValQr":          reqValQr,
		"RespValQr":         respValQr,
		"RespPay":           respPay,
		"with an Id":        change(t, reqPay, "<ReqPay>", `<ReqPay Id="m-1">`),
		"with odd texts":    change(t, reqPay, "<Curr>", "<Note b='2' a=\"1&#10;\">₹ &amp; &lt;x&gt; &#13; é \"q\"</Note><Curr>"),
		"with Windows ends": strings.ReplaceAll(reqPay, "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signed := mustSign(t, doc)
			args := []string{"--verify", "--pubkey-cert-pem", certFile, "--id-attr:Id", "ReqPay"}
			if out, err := xmlsec1(t, append(args, file(t, "signed.xml", signed))...); err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, signed)
			}
			tampered := change(t, signed, "</", " </")
			if out, err := xmlsec1(t, append(args, file(t, "tampered.xml", tampered))...); err == nil {
				t.Fatalf("xmlsec1 takes what is tampered with:\n%s", out)
			}
		})
	}
}

// template is the Signature that xmlsec1 fills in.
func template(uri, keyInfo string) string {
	return `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">
    <SignedInfo>
      <CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
      <SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
      <Reference URI="` + uri + `">
        <Transforms>
          <Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
          <Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
        </Transforms>
        <DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
        <DigestValue></DigestValue>
      </Reference>
    </SignedInfo>
    <SignatureValue/>` + keyInfo + `
  </Signature>`
}

func TestWeTakeXmlsecs(t *testing.T) {
	t.Parallel()
	prefixed := strings.NewReplacer("</", "</ds:", "<", "<ds:", "xmlns=", "xmlns:ds=")
	for name, doc := range map[string]string{
		"ReqPay":   change(t, reqPay, "</ReqPay>", template("", "<KeyInfo><X509Data/></KeyInfo>")+"</ReqPay>"),
		"ReqValQr": change(t, reqValQr, "<Signature>...</Signature>", template("", "<KeyInfo><X509Data/></KeyInfo>")),
		"by Id": change(t, reqPay, "<ReqPay>", `<ReqPay Id="m-1">`,
			"</ReqPay>", template("#m-1", "<KeyInfo><X509Data/></KeyInfo>")+"</ReqPay>"),
		"without KeyInfo":   change(t, reqPay, "</ReqPay>", template("", "")+"</ReqPay>"),
		"with a bare key":   change(t, reqPay, "</ReqPay>", template("", "<KeyInfo><KeyValue/></KeyInfo>")+"</ReqPay>"),
		"with a prefix":     change(t, reqPay, "</ReqPay>", prefixed.Replace(template("", ""))+"</ReqPay>"),
		"Signature first":   change(t, reqPay, "<MsgID>", template("", "")+"<MsgID>"),
		"with odd texts":    change(t, reqPay, "<Curr>", "<Note b='2' a=\"1\">₹ &amp; &lt;x&gt; &#13; é</Note><Curr>", "</ReqPay>", template("", "")+"</ReqPay>"),
		"with Windows ends": strings.ReplaceAll(change(t, reqPay, "</ReqPay>", template("", "")+"</ReqPay>"), "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "signed.xml")
			if text, err := xmlsec1(t, "--sign", "--privkey-pem", keyFile(t)+","+certFile, "--id-attr:Id", "ReqPay",
				"--output", out, file(t, "template.xml", doc)); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			signed, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			got, err := upixml.Verify(signed, pinned(t), signedAt)
			if err != nil {
				t.Fatalf("%v\n%s", err, signed)
			}
			if name != "ReqValQr" {
				if m, err := upixml.ParseReqPay(got); err != nil || m != wantPay {
					t.Fatalf("%+v, %v", m, err)
				}
			} else if m, err := upixml.ParseReqValQr(got); err != nil || m != wantValQr {
				t.Fatalf("%+v, %v", m, err)
			}
			tampered := change(t, string(signed), "1000.00", "1000.01")
			if _, err := upixml.Verify([]byte(tampered), pinned(t), signedAt); err == nil {
				t.Fatal("taken although tampered with")
			}
		})
	}
}
