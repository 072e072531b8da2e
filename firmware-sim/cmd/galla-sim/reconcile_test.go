package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// teller is a controller that has one payment, T1, and says of it what it is told
// to.
func teller(t *testing.T, settled *string) *httptest.Server {
	t.Helper()
	text := func(body []byte, name string) string {
		found := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindSubmatch(body)
		if found == nil {
			t.Errorf("no %s in %s", name, body)
			return ""
		}
		return string(found[1])
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/dynamic-qr/pay", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "<RespPay><MsgID>"+text(body, "MsgID")+"</MsgID><Status>00</Status><TxnID>"+text(body, "TxnID")+
			"</TxnID><SettlementAmount>243.78</SettlementAmount><Timestamp>2026-06-12T10:30:00Z</Timestamp></RespPay>")
	})
	mux.HandleFunc("POST /api/v1/dynamic-qr/check", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "<RespChkTxn><MsgID>"+text(body, "MsgID")+"</MsgID><Status>00</Status><TxnID>"+text(body, "OrgTxnID")+
			"</TxnID><TxnStatus>SUCCESS</TxnStatus><Amount>245.00</Amount><SettlementAmount>"+*settled+"</SettlementAmount><Ts>2026-06-12T10:30:00Z</Ts></RespChkTxn>")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return server
}

// A customer pays through the network, the network is killed and another one goes
// on with its file; the books are compared from the network and from the file,
// with a settlement file and without.
func TestReconcile(t *testing.T) {
	settled := "243.78"
	controller := teller(t, &settled)
	dir := t.TempDir()
	books := filepath.Join(dir, "npci.jsonl")
	base := ""
	serve := func() (end func()) {
		ctx, stop := context.WithCancel(t.Context())
		out, errOut := newOutput(), newOutput()
		ended := make(chan int, 1)
		go func() {
			ended <- Run(ctx, []string{"npci", "serve", "--listen", "127.0.0.1:0", "--controller", controller.URL, "--ledger", books}, out, errOut)
		}()
		base = strings.TrimSuffix(out.await(t, `http://127\.0\.0\.1:\d+/ledger`), "/ledger")
		return func() {
			stop()
			select {
			case code := <-ended:
				if code != 0 {
					t.Fatalf("exit %d\n%s", code, errOut)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
		}
	}
	end := serve()
	app := &npci.Client{BaseURL: base}
	if resp, err := app.Pay(t.Context(), npci.ReqPay{TxnID: "T1", VerToken: "V", Amount: 24500, PayerAddr: "a@upi", PayeeAddr: "merchant@upi"}); err != nil || !resp.Paid() || resp.SettlementAmount != 24378 {
		t.Fatalf("%+v, %v", resp, err)
	}
	end()
	end = serve()
	defer func() { end() }()

	file := func(name, rows string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("merchantId,merchantTransactionId,transactionId,upiTxnId,amount,fee,settlement\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, short, empty := file("good.csv", "M,1,GP1,T1,245.00,1.22,243.78\n"), file("short.csv", "M,1,GP1,T1,245.00,1.23,243.77\n"), file("empty.csv", "")
	network := []string{"--network", base}
	fromFile := []string{"--ledger", books, "--controller", controller.URL}
	for _, tt := range []struct {
		name    string
		settled string
		from    []string
		flags   []string
		code    int
		says    string
	}{
		{"they agree", "243.78", network, nil, 0, "the books agree"},
		{"they agree, from the file", "243.78", fromFile, nil, 0, "1 transactions; paid 245.00, settled 243.78; the controller says 245.00, 243.78\nthe books agree"},
		{"with a settlement file", "243.78", network, []string{"--settlement", good, "--date", "2026-06-12"}, 0, "the books agree"},
		{"a paisa less in it", "243.78", network, []string{"--settlement", short}, 6, "T1  settlement: the network's books say 243.78, the controller 243.77"},
		{"it is not in it", "243.78", network, []string{"--settlement", empty, "--date", "2026-06-12"}, 6, "T1  row: the network's books say 245.00, the controller no row"},
		{"it need not be in it", "243.78", network, []string{"--settlement", empty, "--date", "2026-06-13"}, 0, "the books agree"},
		{"it is another payee's", "243.78", network, []string{"--settlement", empty, "--date", "2026-06-12", "--payee", "nofee@mercury"}, 0, "the books agree"},
		{"it is the payee's", "243.78", network, []string{"--settlement", empty, "--date", "2026-06-12", "--payee", "Merchant@UPI"}, 6, "no row"},
		{"they do not agree, from the file", "243.79", fromFile, nil, 6, "T1  settlement: the network's books say 243.78, the controller 243.79"},
		{"they do not agree", "243.79", network, nil, 6, "T1  settlement: the network's books say 243.78, the controller 243.79"},
	} {
		settled = tt.settled
		code, out, errOut := run(t, append(append([]string{"npci", "reconcile"}, tt.from...), tt.flags...)...)
		if code != tt.code || !strings.Contains(out, tt.says) || (errOut == "") != (code == 0) {
			t.Errorf("%s: exit %d, %s%s; want %d and %q", tt.name, code, out, errOut, tt.code, tt.says)
		}
	}
	code, out, _ := run(t, append([]string{"npci", "reconcile", "--json"}, network...)...)
	var report npci.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 6 || report.Entries != 1 || report.Agrees() || report.Theirs.Settled != 24379 {
		t.Errorf("as JSON: exit %d, %s", code, out)
	}
}

func TestReconcileUsage(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.csv")
	if err := os.WriteFile(bad, []byte("amount\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--network", gone.URL}, exitUnreachable, "--network " + gone.URL},
		{[]string{"--network", "there"}, exitUsage, `--network "there"`},
		{[]string{"--controller", "there"}, exitUsage, `--controller "there"`},
		{[]string{"--wait", "0s"}, exitUsage, "--wait 0s"},
		{[]string{"--sign-key", "x"}, exitUsage, "need each other"},
		{[]string{"--date", "2026-06-12"}, exitUsage, "--date needs --settlement"},
		{[]string{"--payee", "a@upi"}, exitUsage, "--payee needs --date"},
		{[]string{"--settlement", bad, "--date", "12.6.2026"}, exitUsage, "like 2026-06-12"},
		{[]string{"--settlement", bad}, exitUsage, "no column merchantId"},
		{[]string{"--settlement", filepath.Join(dir, "none.csv")}, exitUsage, "no such file"},
		{[]string{"--ledger", filepath.Join(dir, "none.jsonl")}, exitUsage, "no such file"},
		{[]string{"--ledger", bad}, exitUsage, "not of these books"},
	} {
		if code, out, errOut := run(t, append([]string{"npci", "reconcile"}, tt.args...)...); code != tt.code || out != "" || !strings.Contains(errOut, tt.want) {
			t.Errorf("%v: exit %d, out %q, err %q; want %d and %q", tt.args, code, out, errOut, tt.code, tt.want)
		}
	}
	code, out, _ := run(t, "npci", "reconcile", "--help")
	for _, want := range []string{"Examples:", "--settlement=FILE", "--json", "Exit status: 0 they agree"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("--help lacks %q:\n%s", want, out)
		}
	}
	if code, _, errOut := run(t, "npci", "--ledger", bad, "--listen", "127.0.0.1:0"); code != exitUsage || !strings.Contains(errOut, "--ledger") {
		t.Errorf("books that are none: exit %d, %s", code, errOut)
	}
	if code, _, errOut := run(t, "npci", "--dialect", "latin"); code != exitUsage || !strings.Contains(errOut, "--dialect") {
		t.Errorf("a dialect that is none: exit %d, %s", code, errOut)
	}
}
