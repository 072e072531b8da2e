package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/hack/testservers"
)

// office is a folder with a database in it, and the program run on that.
type office struct {
	t        *testing.T
	dir      string
	database string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	o.database = "sqlite:" + filepath.Join(o.dir, "galla.db")
	if code, _, talk := o.run("migrate"); code != 0 {
		t.Fatal(talk)
	}
	return o
}

// run runs a verb as the program does: its words, split at spaces but for what
// stands in quotes, and --database behind them.
func (o *office) run(line string) (code int, out, talk string) {
	o.t.Helper()
	return o.runArgs(append(words(line), "--database", o.database)...)
}

func (o *office) runArgs(args ...string) (code int, out, talk string) {
	o.t.Helper()
	var stdout, stderr bytes.Buffer
	var c struct {
		adminVerbs
		Migrate migrateCommand `cmd:""`
	}
	parser, err := kong.New(&c, kong.Name("galla-controller"), kong.DefaultEnvars("GALLA"), kong.Writers(&stdout, &stderr),
		kong.BindTo(o.t.Context(), (*context.Context)(nil)), kong.BindTo(&stdout, (*io.Writer)(nil)))
	if err != nil {
		o.t.Fatal(err)
	}
	verb, err := parse(parser, args)
	if err != nil {
		return exitUsage, stdout.String(), err.Error()
	}
	if err := verb.Run(); err != nil {
		fmt.Fprintln(&stderr, "galla-controller:", err)
		return exitCode(err), stdout.String(), stderr.String()
	}
	return exitOK, stdout.String(), stderr.String()
}

// words splits a line at its spaces, but for what stands in double quotes.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			last := len(all) - 1
			if i > 0 && last >= 0 && strings.HasSuffix(all[last], "=") {
				all[last] += part
			} else {
				all = append(all, part)
			}
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// TestAdminSession is a day at the office: what is typed, what comes back. A time
// is TIME there, the machine and its user are WHO.
func TestAdminSession(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	who := cliActor()
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	for _, tt := range []struct {
		line string
		code int
		out  string // "" is of no account
		talk string
	}{
		{`merchant create SHOP1 --name "Shop One" --mcc 5411 --payee shop1@upi --dqr --edc --json`, 0,
			`{"merchantId":"SHOP1","name":"Shop One","mcc":"5411","active":true,"dqr":true,"edc":true,"payee":"shop1@upi","callbackHosts":[]}`, ""},
		{`merchant create SHOP1 --name "Shop One" --mcc 5411 --payee shop1@upi`, 1, "", "There is a merchant SHOP1 already; try: galla-controller merchant show SHOP1"},
		{`merchant create SHOP2 --name "Shop Two" --mcc 541 --payee shop2@upi`, 2, "", "mcc must be a merchant category code of 4 digits"},
		{`merchant create SHOP2 --name "Shop Two"`, 2, "", "--mcc"},
		{`merchant show SHOP9`, 3, "", "There is no merchant SHOP9; try: galla-controller merchant list"},
		{`merchant update SHOP1 --no-edc --callback-host a.example --callback-host b.example --json`, 0,
			`{"merchantId":"SHOP1","name":"Shop One","mcc":"5411","active":true,"dqr":true,"edc":false,"payee":"shop1@upi","callbackHosts":["a.example","b.example"]}`, ""},
		{`merchant update SHOP1 --no-callback-hosts --json`, 0,
			`{"merchantId":"SHOP1","name":"Shop One","mcc":"5411","active":true,"dqr":true,"edc":false,"payee":"shop1@upi","callbackHosts":[]}`, ""},
		{`merchant list`, 0, `
MERCHANTID  NAME      MCC   ACTIVE  DQR  EDC  PAYEE      CALLBACKURL  CALLBACKHOSTS
SHOP1       Shop One  5411  yes     yes  no   shop1@upi  -            -
`, ""},
		{`store create SHOP1/STORE1 --name "High Street" --json`, 0, `{"merchantId":"SHOP1","storeId":"STORE1","name":"High Street","active":true}`, ""},
		{`store create SHOP1 --name "High Street"`, 2, "", `"SHOP1": want MERCHANT/STORE`},
		{`store update SHOP1/STORE1 --name "Low Street" --json`, 0, `{"merchantId":"SHOP1","storeId":"STORE1","name":"Low Street","active":true}`, ""},
		{`store list SHOP1 --json`, 0, `{"merchantId":"SHOP1","storeId":"STORE1","name":"Low Street","active":true}`, ""},
		{`store disable SHOP1/STORE1 --json`, 0, `{"merchantId":"SHOP1","storeId":"STORE1","name":"Low Street","active":false}`, ""},
		{`store enable SHOP1/STORE1 --json`, 0, `{"merchantId":"SHOP1","storeId":"STORE1","name":"Low Street","active":true}`, ""},
		{`store show SHOP1/STORE2`, 3, "", "There is no store SHOP1/STORE2; try: galla-controller store list"},
		{`terminal create SHOP1/STORE1/T1 --label Counter --json`, 0,
			`{"merchantId":"SHOP1","storeId":"STORE1","terminalId":"T1","label":"Counter","active":true,"integrated":true,"paymentWindowSeconds":180,"busy":"","language":""}`, ""},
		{`terminal create SHOP1/STORE9/T1`, 2, "", "storeId names no store of the merchant; try: galla-controller terminal --help"},
		{`terminal create SHOP1/STORE1/T2 --payment-window 5`, 2, "", "paymentWindowSeconds must be 10 to 1800 seconds"},
		{`terminal create SHOP1/STORE1/T2 --busy later`, 2, "", "--busy"},
		{`terminal update SHOP1/STORE1/T1 --payment-window 60 --busy queue --no-integrated --json`, 0,
			`{"merchantId":"SHOP1","storeId":"STORE1","terminalId":"T1","label":"Counter","active":true,"integrated":false,"paymentWindowSeconds":60,"busy":"queue","language":""}`, ""},
		{`terminal create SHOP1/STORE1/T2 --language fr`, 2, "", "--language"},
		{`terminal update SHOP1/STORE1/T1 --language fr`, 2, "", "language must be"},
		{`terminal update SHOP1/STORE1/T1 --language hi --json`, 0, `{"merchantId":"SHOP1","storeId":"STORE1","terminalId":"T1","label":"Counter","active":true,"integrated":false,"paymentWindowSeconds":60,"busy":"queue","language":"hi"}`, ""},
		{`terminal update SHOP1/STORE1/T1 --language terminal`, 0, "", ""},
		{`terminal disable SHOP1/STORE1/T1`, 0, "", ""},
		{`terminal show SHOP1/STORE1/T1`, 0, `
merchantId            SHOP1
storeId               STORE1
terminalId            T1
label                 Counter
active                no
integrated            no
paymentWindowSeconds  60
busy                  queue
language              -
presence.enrolled     no
presence.present      no
presence.lastSeen     -
presence.mode         -
presence.paymentId    -
presence.waiting      0
presence.upToDate     yes
presence.sharedAt     -
`, ""},
		{`terminal update SHOP1/STORE1/T1 --busy product --integrated --label=""`, 0, "", ""},
		{`terminal enable SHOP1/STORE1/T1`, 0, "", ""},
		{`terminal list SHOP1/STORE1`, 0, `
MERCHANTID  STOREID  TERMINALID  LABEL  ACTIVE  INTEGRATED  PAYMENTWINDOWSECONDS  BUSY  LANGUAGE
SHOP1       STORE1   T1          -      yes     yes         60                    -     -
`, ""},
		{`payee create second@upi --merchant SHOP1 --fee-basis-points 50 --json`, 0, `{"vpa":"second@upi","merchantId":"SHOP1","active":true,"feeBasisPoints":50}`, ""},
		{`payee update second@upi --fee-basis-points 0`, 0, "", ""},
		{`payee disable second@upi`, 0, "", ""},
		{`payee list`, 0, `
VPA         MERCHANTID  ACTIVE  FEEBASISPOINTS  ACQUIRERCODE
second@upi  SHOP1       no      0               -
shop1@upi   SHOP1       yes     0               -
`, ""},
		{`fee set --merchant SHOP1 --mcc 5411 --basis-points 50 --min-paise 100 --cap-paise 2000 --rounding half_even --json`, 0,
			`{"merchantId":"SHOP1","mcc":"5411","basisPoints":50,"minPaise":100,"capPaise":2000,"rounding":"half_even"}`, ""},
		{`fee set --basis-points 90 --json`, 0, `{"merchantId":"*","mcc":"*","basisPoints":90,"minPaise":0,"capPaise":0,"rounding":"half_up"}`, ""},
		{`fee set --mcc 5411`, 2, "", "--basis-points"},
		{`fee set --mcc 541 --basis-points 90`, 2, "", "mcc must be a merchant category code of 4 digits"},
		{`fee set --basis-points 10001`, 2, "", "basisPoints must be 0 to 10000 basis points; try: galla-controller fee --help"},
		{`fee set --basis-points 1 --min-paise 2 --cap-paise 1`, 2, "", "minPaise must not be more than capPaise"},
		{`fee set --basis-points 1 --rounding nearest`, 2, "", "rounding must be half_up, half_even, up or down"},
		{`fee set --merchant SHOP9 --basis-points 1`, 3, "", "There is no merchant SHOP9; try: galla-controller fee list"},
		{`fee list`, 0, `
MERCHANTID  MCC   BASISPOINTS  MINPAISE  CAPPAISE  ROUNDING
*           *     90           0         0         half_up
SHOP1       5411  50           100       2000      half_even
`, ""},
		{`fee list SHOP1 --json`, 0, `{"merchantId":"SHOP1","mcc":"5411","basisPoints":50,"minPaise":100,"capPaise":2000,"rounding":"half_even"}`, ""},
		{`fee remove --json`, 0, `{"merchantId":"*","mcc":"*","basisPoints":90,"minPaise":0,"capPaise":0,"rounding":"half_up"}`, ""},
		{`fee remove`, 3, "", "There is no fee of */*; try: galla-controller fee list"},
		{`provider create VENDOR --merchant SHOP1 --json`, 0, `{"providerId":"VENDOR","active":true,"merchants":["SHOP1"]}`, ""},
		{`provider unmap VENDOR SHOP1 --json`, 0, `{"providerId":"VENDOR","active":true}`, ""},
		{`provider map VENDOR SHOP1 --json`, 0, `{"providerId":"VENDOR","active":true,"merchants":["SHOP1"]}`, ""},
		{`provider map VENDOR SHOP9`, 3, "", "There is no merchant SHOP9"},
		{`provider disable VENDOR --json`, 0, `{"providerId":"VENDOR","active":false,"merchants":["SHOP1"]}`, ""},
		{`provider list --json`, 0, `{"providerId":"VENDOR","active":false}`, ""},
		{`organisation create BANK1 --unsigned --json`, 0, `{"organisationId":"BANK1","active":true,"unsigned":true,"certificates":[]}`, ""},
		{`organisation update BANK1 --no-unsigned --default-payee shop1@upi --json`, 0,
			`{"organisationId":"BANK1","active":true,"defaultPayee":"shop1@upi","unsigned":false,"certificates":[]}`, ""},
		{`organisation add-certificate BANK1 ` + filepath.Join(o.dir, "none.pem"), 2, "", "none.pem: no such file"},
		{`organisation disable BANK1`, 0, "", ""},
		{`key rotate SHOP9`, 3, "", "There is no merchant or provider SHOP9; try: galla-controller key list"},
		{`key rotate SHOP1 --overlap 1h`, 0, "", "Keep the secret now: it is not shown again."},
		{`key rotate SHOP1 --overlap 1ms`, 2, "", "want whole seconds"},
		{`key disable SHOP1/1 --json`, 0, `{"owner":"SHOP1","index":"1","state":"ended","notAfter":"TIME"}`, ""},
		{`key list`, 0, `
OWNER  INDEX  STATE  NOTBEFORE  NOTAFTER
SHOP1  1      ended  -          TIME
`, ""},
		{`token create desk --role operator`, 0, "", "Keep the token now: it is not shown again."},
		{`token create desk --role root`, 2, "", "--role"},
		{`token show desk --json`, 0, `{"name":"desk","role":"operator","createdAt":"TIME","createdBy":"WHO"}`, ""},
		{`token revoke desk --json`, 0, `{"name":"desk","role":"operator","createdAt":"TIME","createdBy":"WHO","revokedAt":"TIME"}`, ""},
		{`token revoke nobody`, 3, "", "There is no token nobody; try: galla-controller token list"},
		{`audit list --last 2`, 0, `
ID  AT                    ACTOR    SOURCE     ACTION        TARGET  CHANGES
31  TIME  WHO  WHERE  token.create  desk    {"createdAt":{"to":"TIME"},"createdBy":{"to":"WHO"},"name":{"to":"desk"},"role":{"to":"operator"}}
32  TIME  WHO  WHERE  token.revoke  desk    {"revokedAt":{"to":"TIME"}}
`, ""},
		{`audit list --last 201`, 2, "", "--last: want 1 to 200"},
	} {
		code, out, talk := o.run(tt.line)
		out = strings.ReplaceAll(strings.ReplaceAll(times.ReplaceAllString(out, "TIME"), who.Actor, "WHO"), who.Source, "WHERE")
		if code != tt.code || !strings.Contains(talk, tt.talk) || (code != 0 && out != "") {
			t.Errorf("%s\n  exit %d\n%s%s", tt.line, code, out, talk)
		}
		if tt.out != "" && squeezed(out) != squeezed(tt.out) {
			t.Errorf("%s\n%swant\n%s", tt.line, out, tt.out)
		}
		if code != 0 && strings.Count(strings.TrimSpace(talk), "\n") > 0 {
			t.Errorf("%s: more than one line: %s", tt.line, talk)
		}
	}
}

// squeezed is a text whose columns are one space apart: their width is of times
// and names.
func squeezed(text string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

// object is the one JSON object that a verb printed.
func object(t *testing.T, out string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return o
}

// directory is what a controller would read of the office's database.
func (o *office) directory(keyFile string) (*merchant.Directory, error) {
	o.t.Helper()
	db, _, err := databaseFlags{Database: o.database, SealKeyFile: keyFile}.open(o.t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		o.t.Fatal(err)
	}
	defer db.Close()
	return db.Directory(o.t.Context())
}

// TestKeysAreShownOnce: the secret is on standard output once, or is the one of
// the file; a controller reads the same; no other verb shows it.
func TestKeysAreShownOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.run(`merchant create SHOP1 --name One --mcc 5411 --payee shop1@upi`)
	_, out, talk := o.run(`key create SHOP1 --json`)
	first := object(t, out)["secret"].(string)
	own := filepath.Join(o.dir, "own")
	if err := os.WriteFile(own, []byte("the-merchants-own-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, talk2 := o.run(`key rotate SHOP1 --json --from-file ` + own)
	second := object(t, out)
	if len(first) != 64 || second["secret"] != "the-merchants-own-secret" || second["index"] != "2" || strings.Contains(talk+talk2, first) {
		t.Fatalf("%s %v", first, second)
	}
	dir, err := o.directory("")
	if err != nil {
		t.Fatal(err)
	}
	one, _ := dir.SaltKey("SHOP1", "1")
	two, _ := dir.SaltKey("SHOP1", "2")
	if string(one.Secret) != first || two.Secret != "the-merchants-own-secret" || one.NotAfter.IsZero() {
		t.Error("the controller would read others")
	}
	for _, line := range []string{`key list`, `key show SHOP1/1`, `key list --json`, `audit list --json`, `merchant show SHOP1`} {
		code, out, talk := o.run(line)
		if code != 0 || strings.Contains(out+talk, first) || strings.Contains(out+talk, "the-merchants-own-secret") {
			t.Errorf("%s: exit %d\n%s%s", line, code, out, talk)
		}
	}
	if err := os.Chmod(own, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, talk := o.run(`key create SHOP1 --from-file ` + own); code != 2 || !strings.Contains(talk, "chmod 600") {
		t.Errorf("a file that everybody can read: exit %d %s", code, talk)
	}
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(own, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, talk := o.run(`key create SHOP1 --from-file ` + own); code != 2 || !strings.Contains(talk, "is empty") {
		t.Errorf("an empty file: exit %d %s", code, talk)
	}
}

// TestRewrapSession: the sealing key is changed, the files are swapped as the
// verb says, and all goes on; before the swap nobody makes a mix.
func TestRewrapSession(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	keyFile, newFile := filepath.Join(o.dir, "galla.db.key"), filepath.Join(o.dir, "new.key")
	o.run(`merchant create SHOP1 --name One --mcc 5411 --payee shop1@upi`)
	o.run(`key create SHOP1`)
	o.run(`key create SHOP1`)
	if code, _, talk := o.run(`key rewrap --new-seal-key-file ` + keyFile); code != 2 || !strings.Contains(talk, "the key that is in use") {
		t.Fatalf("its own key: exit %d %s", code, talk)
	}
	for _, already := range []bool{false, true} { // to do it again does no harm
		code, out, talk := o.run(`key rewrap --json --new-seal-key-file ` + newFile)
		if code != 0 || !strings.Contains(talk, "mv "+newFile+" "+keyFile) {
			t.Fatalf("exit %d %s", code, talk)
		}
		if done := object(t, out); done["already"] != already || done["saltKeys"] != 2.0 || done["secrets"] != 0.0 {
			t.Errorf("%v", done)
		}
	}
	if _, err := o.directory(keyFile); err == nil {
		t.Error("the old key still opens")
	}
	if _, err := o.directory(newFile); err != nil {
		t.Errorf("the new key: %v", err)
	}
	for _, line := range []string{`key create SHOP1`, `key rotate SHOP1`} {
		if code, _, talk := o.run(line); code != 4 || !strings.Contains(talk, "another key than the one in the key file") {
			t.Errorf("%s by the old key: exit %d %s", line, code, talk)
		}
	}
	if info, err := os.Stat(newFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the new file: %v %v", info, err)
	}
	if err := os.Rename(newFile, keyFile); err != nil {
		t.Fatal(err)
	}
	if code, _, talk := o.run(`key create SHOP1`); code != 0 {
		t.Errorf("after the swap: exit %d %s", code, talk)
	}
	if code, out, _ := o.run(`audit list --action key.rewrap --json`); code != 0 || strings.Count(out, "\n") != 2 {
		t.Errorf("the audit log: %s", out)
	}
}

// TestNothingIsMade: a verb that looks for a database, or for its tables, does
// not make them, and says what to do.
func TestNothingIsMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "none.db")
	o := &office{t: t, dir: dir, database: "sqlite:" + path}
	code, _, talk := o.run(`merchant list`)
	if code != 3 || !strings.Contains(talk, "try: galla-controller migrate --database sqlite:"+path) {
		t.Errorf("no database: exit %d %s", code, talk)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, talk = o.run(`merchant list`); code != 1 || !strings.Contains(talk, "the database's schema is not up to date; try: galla-controller migrate") {
		t.Errorf("an empty database: exit %d %s", code, talk)
	}
	if err := os.WriteFile(path+".key", []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, talk = o.run(`merchant list`); code != 1 || !strings.Contains(talk, "--seal-key-file") {
		t.Errorf("a broken key file: exit %d %s", code, talk)
	}
	for database, wants := range map[string]int{"mysql://x": 1, "sqlite:": 1, "postgres://galla@127.0.0.1:1/galla": 1} {
		o.database = database
		if code, _, talk := o.runArgs("merchant", "list", "--database", database, "--seal-key-file", filepath.Join(dir, "k")); code != wants || talk == "" {
			t.Errorf("%s: exit %d %s", database, code, talk)
		}
	}
}

// TestAdminOnPostgres: the same verbs, and what is wrong with a database is told
// apart.
func TestAdminOnPostgres(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dsn := testservers.SharedPostgres(t).NewDatabase(t)
	o := &office{t: t, dir: dir, database: dsn}
	keyFile, newFile := filepath.Join(dir, "galla.key"), filepath.Join(dir, "new.key")
	with := ` --seal-key-file ` + keyFile
	if code, _, talk := o.run(`merchant list` + with); code != 1 || !strings.Contains(talk, "schema is not up to date; try: galla-controller migrate") {
		t.Errorf("an empty database: exit %d %s", code, talk)
	}
	for _, line := range []string{
		`migrate`, `merchant create SHOP1 --name One --mcc 5411 --payee shop1@upi`, `key create SHOP1`, `terminal list`, `key rewrap --new-seal-key-file ` + newFile,
	} {
		if code, _, talk := o.run(line + with); code != 0 {
			t.Fatalf("%s: exit %d %s", line, code, talk)
		}
	}
	if code, _, talk := o.run(`key rotate SHOP1` + with); code != 4 {
		t.Errorf("by the old key: exit %d %s", code, talk)
	}
	if code, out, talk := o.run(`key rotate SHOP1 --json --seal-key-file ` + newFile); code != 0 || object(t, out)["index"] != "2" {
		t.Errorf("by the new key: exit %d %s", code, talk)
	}
	if code, out, _ := o.run(`key list --json` + with); code != 0 || strings.Count(out, "\n") != 2 {
		t.Errorf("keys: %s", out)
	}
}
