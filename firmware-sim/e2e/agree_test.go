package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol"
)

// agreeCommand: agree waits until the network's books and the controller's agree
// to the paisa, as galla-sim npci reconcile says. A customer of the session who
// pays without the network has books of their own, and these must agree, too.
func agreeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: agree")
	}
	h := of(ts)
	until(ts, h.npci, "the books agree", func(ctx context.Context) (string, bool) {
		cmd := exec.CommandContext(ctx, filepath.Join(binaries, "galla-sim"), "npci", "reconcile", "--network", h.networkURL())
		out, err := cmd.CombinedOutput()
		return string(out), err == nil
	})
	if h.customer.network == nil {
		return
	}
	until(ts, h.controller, "the customer's books agree", func(ctx context.Context) (string, bool) {
		r, err := h.customer.network.Reconcile(ctx)
		return fmt.Sprint(r, err), err == nil && r.Agrees()
	})
}

// app is a customer whose app pays through the network.
func (h *house) app() *npci.Client { return &npci.Client{BaseURL: h.networkURL()} }

// purchase is what a customer buys with a QR that was made elsewhere: PAYEE
// RUPEES [payer=ADDRESS] [curr=CURRENCY].
func purchase(ts *testscript.TestScript, args []string) (p npci.Purchase, conditions map[string]string) {
	if len(args) < 2 {
		ts.Fatalf("want PAYEE AMOUNT [field=value...]")
	}
	amount, err := protocol.ParseRupees(args[1])
	ts.Check(err)
	p = npci.Purchase{PayerAddr: phone.Payer, QR: npci.ReqValQr{
		Amount: amount, Curr: "INR", PayeeAddr: args[0], RefURL: base64.StdEncoding.EncodeToString([]byte("initiation_mode=16")),
	}}
	conditions = map[string]string{}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "payer":
			p.PayerAddr = value
		case "curr":
			p.QR.Curr = value
		case "status", "result", "settled", "inr":
			conditions[key] = value
		default:
			ts.Fatalf("%s: want payer, curr, status, result, settled or inr", arg)
		}
	}
	return p, conditions
}

// buyCommand: buy PAYEE AMOUNT [payer=ADDRESS] [curr=CURRENCY] [status=CODE]
// [result=RESULT] [settled=RUPEES] [inr=RUPEES] has a customer pay through the
// network. The answer must be as said: status 00, no result, unless told
// otherwise.
func buyCommand(ts *testscript.TestScript, neg bool, args []string) {
	p, conditions := purchase(ts, args)
	if neg {
		ts.Fatalf("usage: buy PAYEE AMOUNT [field=value...]")
	}
	app := of(ts).app()
	quote, err := app.ValidateQR(context.Background(), p.QR)
	ts.Check(err)
	facts := map[string]string{"status": quote.Status, "result": "", "inr": quote.InrAmount.Rupees()}
	said := quote.Message
	if quote.Status == "00" {
		paid, err := app.Pay(context.Background(), npci.ReqPay{
			VerToken: quote.VerToken, Amount: p.QR.Amount, Curr: p.QR.Curr, PayerAddr: p.PayerAddr, PayeeAddr: p.QR.PayeeAddr,
		})
		ts.Check(err)
		facts["status"], facts["result"], facts["settled"], said = paid.Status, paid.Result, paid.SettlementAmount.Rupees(), paid.Message
	}
	for key, fallback := range map[string]string{"status": "00", "result": ""} {
		if _, told := conditions[key]; !told {
			conditions[key] = fallback
		}
	}
	for key, want := range conditions {
		if facts[key] != want {
			ts.Fatalf("buy %v: %s is %q: %v %s", args, key, facts[key], facts, said)
		}
	}
}

// onceCommand: once TIMES PAYEE AMOUNT sends that many ReqPays with one token at
// the same moment: one is paid, the others are ZD.
func onceCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: once TIMES PAYEE AMOUNT")
	}
	app, times := of(ts).app(), count(ts, args[0])
	p, _ := purchase(ts, args[1:])
	tokens, err := app.Tokens(context.Background(), p, 1, 1)
	ts.Check(err)
	tally := app.PayAtOnce(context.Background(), npci.Copies(tokens[0], times))
	if len(tally.Paid) != 1 || tally.Refused["ZD"] != times-1 {
		ts.Fatalf("%d of %d are paid, refused %v, lost %v", len(tally.Paid), times, tally.Refused, tally.Lost)
	}
}

// holding are payments that were sent and are not answered yet.
type holding struct {
	done  chan struct{}
	tally npci.Tally
}

type holdingKey struct{}

// holdCommand: hold begin TIMES PAYEE AMOUNT has that many customers pay at the
// same moment, and waits until the controller has them all. hold end waits for
// the answers: TIMEOUT, or when the controller was gone meanwhile, REVERSED or
// FAILED; nobody is paid.
func holdCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	switch {
	case len(args) == 4 && args[0] == "begin" && !neg:
		app, times := h.app(), count(ts, args[1])
		p, _ := purchase(ts, args[2:])
		reqs, err := app.Tokens(context.Background(), p, times, 16)
		ts.Check(err)
		held := &holding{done: make(chan struct{})}
		h.env.Values[holdingKey{}] = held
		h.env.Defer(func() { <-held.done })
		go func() {
			defer close(held.done)
			held.tally = app.PayAtOnce(context.Background(), reqs)
		}()
		for _, req := range reqs {
			until(ts, h.npci, "the payments are there", func(ctx context.Context) (string, bool) {
				asked, err := app.Check(ctx, npci.ReqChkTxn{OrgTxnID: req.TxnID})
				// On a slow machine the first may have timed out by now.
				return fmt.Sprint(asked, err), err == nil && asked.TxnStatus != ""
			})
		}
	case len(args) == 1 && args[0] == "end" && !neg:
		held, ok := h.env.Values[holdingKey{}].(*holding)
		if !ok {
			ts.Fatalf("nothing is held")
		}
		until(ts, h.npci, "the payments are answered", func(context.Context) (string, bool) {
			select {
			case <-held.done:
				return "", true
			default:
				return "not yet", false
			}
		})
		t := held.tally
		if len(t.Paid) != 0 || len(t.Lost) != 0 || len(t.Refused) != 0 && t.Refused["REVERSED"]+t.Refused["FAILED"] == 0 {
			ts.Fatalf("paid %v, refused %v, lost %v", t.Paid, t.Refused, t.Lost)
		}
		ts.Logf("%d TIMEOUT, %v", len(t.TimedOut), t.Refused)
	default:
		ts.Fatalf("usage: hold begin TIMES PAYEE AMOUNT | hold end")
	}
}

// accountsCommand: accounts REGEXP waits until a line of the customers' accounts
// in the network's books is so:
//
//	KIND PAYEE RUPEES STATE [BACK] returned=RUPEES settled=RUPEES
func accountsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: accounts REGEXP")
	}
	h := of(ts)
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until(ts, h.npci, "the customers' accounts say "+args[0], func(ctx context.Context) (string, bool) {
		var books npci.NetworkLedger
		_, body := get(ctx, h.networkURL()+"/ledger")
		if err := json.Unmarshal([]byte(body), &books); err != nil {
			return body, false
		}
		var lines []string
		for _, e := range books.Entries {
			words := []string{string(e.Kind), e.PayeeAddr, e.Debited.Rupees(), string(e.State)}
			if e.Back != "" {
				words = append(words, string(e.Back))
			}
			lines = append(lines, strings.Join(append(words, "returned="+e.Returned.Rupees(), "settled="+e.Settled.Rupees()), " "))
		}
		text := strings.Join(lines, "\n")
		return text, re.MatchString(text)
	})
}

// npciKillCommand: npci-kill ends the network as a power cut does; npci start goes
// on with its books.
func npciKillCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) != 0 || h.npci == nil {
		ts.Fatalf("usage: npci-kill, after npci start")
	}
	ts.Check(h.npci.stop(syscall.SIGKILL))
	h.npci = nil
}

// signerCommand: signer NAME makes an RSA key, NAME.key, and its certificate,
// NAME.pem, by which a network signs.
func signerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signer NAME")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: args[0]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	writePEM(ts, args[0]+".pem", "CERTIFICATE", cert)
	writePEM(ts, args[0]+".key", "PRIVATE KEY", private)
}

// trustedCommand: trusted waits until the controller believes what the network
// signs.
func trustedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: trusted")
	}
	h := of(ts)
	p, _ := purchase(ts, []string{"merchant@upi", "1.00"})
	until(ts, h.npci, "the controller believes the network", func(ctx context.Context) (string, bool) {
		quote, err := h.app().ValidateQR(ctx, p.QR)
		return fmt.Sprint(quote, err), err == nil && quote.Status == "00"
	})
}

// settlesCommand: settles waits until today's settlement, as galla-controller
// settlement prints it, and the network's books agree to the paisa: each payment
// and refund of UPI is in it, and nothing else. ! settles REGEXP waits until the
// comparison finds what a line says.
func settlesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg != (len(args) == 1) || len(args) > 1 {
		ts.Fatalf("usage: settles | ! settles REGEXP")
	}
	h := of(ts)
	found := regexp.MustCompile("")
	if neg {
		var err error
		found, err = regexp.Compile("(?m)" + args[0])
		ts.Check(err)
	}
	day := time.Now().In(time.FixedZone("IST", 5*3600+30*60)).Format(time.DateOnly)
	until(ts, h.controller, "today's settlement agrees", func(ctx context.Context) (string, bool) {
		printed := exec.CommandContext(ctx, filepath.Join(binaries, "galla-controller"), "settlement", "--date", day, "--partial", "--out", "-")
		printed.Env = append(printed.Environ(), "GALLA_DATABASE="+h.stack.database, "GALLA_SEAL_KEY_FILE="+h.sealKey())
		file, err := printed.Output()
		if err != nil {
			return fmt.Sprint(err), false
		}
		compared := exec.CommandContext(ctx, filepath.Join(binaries, "galla-sim"), "npci", "reconcile", "--network", h.networkURL(), "--settlement", "-", "--date", day)
		compared.Stdin = bytes.NewReader(file)
		out, err := compared.CombinedOutput()
		return string(out) + string(file), (err != nil) == neg && found.Match(out)
	})
}
