package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/go-jose/go-jose/v4"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// keyOffice runs the verbs of signing keys, and the audit log's, on a database.
type keyOffice struct {
	t        *testing.T
	database string
}

func newKeyOffice(t *testing.T) *keyOffice {
	t.Helper()
	return &keyOffice{t, "sqlite:" + filepath.Join(t.TempDir(), "galla.db")}
}

func (o *keyOffice) run(line string) (code int, out, talk string) {
	o.t.Helper()
	var stdout, stderr bytes.Buffer
	var c struct {
		SigningKey signingKeyVerbs `cmd:"" name:"signing-key"`
		Audit      auditVerbs      `cmd:""`
		Migrate    migrateCommand  `cmd:""`
	}
	parser, err := kong.New(&c, kong.Name("galla-controller"), kong.DefaultEnvars("GALLA"), kong.Writers(&stdout, &stderr),
		kong.BindTo(o.t.Context(), (*context.Context)(nil)), kong.BindTo(&stdout, (*io.Writer)(nil)))
	if err != nil {
		o.t.Fatal(err)
	}
	verb, err := parse(parser, append(strings.Fields(line), "--database", o.database))
	if err != nil {
		return exitUsage, stdout.String(), err.Error()
	}
	if err := verb.Run(); err != nil {
		return exitCode(err), stdout.String(), stderr.String() + err.Error()
	}
	return exitOK, stdout.String(), stderr.String()
}

// open opens the database as a controller does.
func (o *keyOffice) open() storage {
	o.t.Helper()
	db, _, err := databaseFlags{Database: o.database}.open(o.t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			o.t.Error(err)
		}
	})
	return db
}

// TestSigningKeySession is a rotation as an operator types it. A time is TIME
// there, a public key is KEY.
func TestSigningKeySession(t *testing.T) {
	t.Parallel()
	o := newKeyOffice(t)
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	key := regexp.MustCompile(`[A-Za-z0-9_-]{43}`)
	const first = `{"id":"online-key-1","state":"active","publicKey":"KEY","createdAt":"TIME","activatedAt":"TIME"}` + "\n"
	const retiring = `{"id":"online-key-1","state":"retiring","publicKey":"KEY","createdAt":"TIME","activatedAt":"TIME"}` + "\n"
	const second = `{"id":"online-key-2","state":"next","publicKey":"KEY","createdAt":"TIME"}` + "\n"
	const active = `{"id":"online-key-2","state":"active","publicKey":"KEY","createdAt":"TIME","activatedAt":"TIME"}` + "\n"
	const retired = `{"id":"online-key-1","state":"retired","publicKey":"KEY","createdAt":"TIME","activatedAt":"TIME","retiredAt":"TIME"}` + "\n"
	for _, tt := range []struct {
		line string
		code int
		out  string
		talk string // is in it
	}{
		{"signing-key list", exitNotFound, "", "there is no database"},
		{"migrate", exitOK, "", ""},
		{"signing-key list --json", exitOK, "", ""}, // looking makes none
		{"signing-key rotate", exitFailed, "", "there is no next signing key; create one first"},
		{"signing-key list --json", exitOK, first, ""},
		{"signing-key create --json", exitOK, second, "Running controllers send it to their terminals now"},
		{"signing-key create", exitFailed, "", "there is a next signing key already; rotate to it or retire it first: it is online-key-2"},
		{"signing-key list --json", exitOK, first + second, ""},
		{"signing-key rotate --json", exitOK, strings.Replace(second, `"}`, `","activatedAt":"TIME"}`, 1), ""},
		{"signing-key rotate", exitFailed, "", "online-key-2 signs from TIME on"},
		{"signing-key rotate --force --json", exitOK, active, ""},
		{"signing-key retire online-key-2 --force", exitFailed, "", "the signing key is active"},
		{"signing-key retire online-key-1", exitFailed, "", "online-key-1 may be retired from TIME on"},
		{"signing-key retire online-key-9", exitNotFound, "", "There is no such signing key"},
		{"signing-key retire ../root-key", exitNotFound, "", "There is no such signing key"},
		{"signing-key list --json", exitOK, retiring + active, ""},
		{"signing-key retire online-key-1 --force --json", exitOK, retired, ""},
		{"signing-key retire online-key-1 --force", exitFailed, "", "the signing key is retired"},
		{"signing-key list", exitOK, strings.Join([]string{
			"ID            STATE    PUBLICKEY                                    CREATEDAT             ACTIVATEDAT           RETIREDAT",
			"online-key-1  retired  KEY  TIME  TIME  TIME",
			"online-key-2  active   KEY  TIME  TIME  -", "",
		}, "\n"), ""},
		{"signing-key retire", exitUsage, "", "expected \"<id>\""},
		{"signing-key sell", exitUsage, "", "unexpected argument sell"},
	} {
		code, out, talk := o.run(tt.line)
		out, talk = key.ReplaceAllString(times.ReplaceAllString(out, "TIME"), "KEY"), times.ReplaceAllString(talk, "TIME")
		if code != tt.code || out != tt.out || !strings.Contains(talk, tt.talk) {
			t.Errorf("%s: ended with %d, printed\n%s, said %q; want %d,\n%s, %q", tt.line, code, out, talk, tt.code, tt.out, tt.talk)
		}
	}
	// Every try to change something is in the audit log, by whoever runs this.
	_, out, _ := o.run("audit list --json")
	for action, times := range map[string]int{"create": 2, "rotate": 4, "retire": 5} {
		if got := strings.Count(out, `"signing-key.`+action+`"`); got != times {
			t.Errorf("%s stands %d times in the audit log, want %d:\n%s", action, got, times, out)
		}
	}
	if n := strings.Count(out, `"actor":"`+cliActor().Actor+`"`); n != 11 {
		t.Errorf("%d of 11 lines say who it was:\n%s", n, out)
	}
}

// TestSigningKeysOfAnotherSeal: with a key file that is not the database's
// nothing is changed, and the program says so.
func TestSigningKeysOfAnotherSeal(t *testing.T) {
	t.Parallel()
	o := newKeyOffice(t)
	o.run("migrate")
	if code, _, talk := o.run("signing-key create"); code != exitOK {
		t.Fatal(talk)
	}
	_, before, _ := o.run("signing-key list --json")
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other, bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"create", "rotate", "rotate --force", "retire online-key-2"} {
		if code, out, talk := o.run("signing-key " + line + " --seal-key-file " + other); code != exitAuth || out != "" {
			t.Errorf("%s: ended with %d, %s%s", line, code, out, talk)
		}
	}
	if _, after, _ := o.run("signing-key list --json"); after != before {
		t.Errorf("it was\n%s, and is\n%s", before, after)
	}
}

// TestOnlineKeysInTheAdministration: its words, its two kinds of refusal, and
// what is a failure stays one.
func TestOnlineKeysInTheAdministration(t *testing.T) {
	t.Parallel()
	o := newKeyOffice(t)
	db := o.open()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	k, err := loadKeys(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	var keys admin.SigningKeys = onlineKeys{k.ring}
	made, err := keys.Create(t.Context(), "ann")
	if err != nil || made.ID != "online-key-2" || made.State != "next" || len(made.PublicKey) != 43 || made.CreatedAt.IsZero() {
		t.Errorf("made %+v, %v", made, err)
	}
	if _, err := keys.Create(t.Context(), "ann"); admin.CodeOf(err) != admin.CodeConflict {
		t.Errorf("created twice: %v", err)
	}
	if _, err := keys.Retire(t.Context(), "online-key-3", "ann", true); admin.CodeOf(err) != admin.CodeNotFound {
		t.Errorf("retired what is not there: %v", err)
	}
	if rotated, err := keys.Rotate(t.Context(), "ann", true); err != nil || rotated.State != "active" || rotated.ID != made.ID {
		t.Errorf("rotated to %+v, %v", rotated, err)
	}
	if all, err := keys.List(t.Context()); err != nil || len(all) != 2 || all[0].State != "retiring" || all[1].State != "active" {
		t.Errorf("they are %+v, %v", all, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := keys.Create(ended, "ann"); err == nil || admin.CodeOf(err) == admin.CodeConflict {
		t.Errorf("without a database: %v", err)
	}
}

// TestKeysOfAController: what older databases hold is what is used, callbacks
// are signed by the key that is active, and merchants can tell by the JWKS.
func TestKeysOfAController(t *testing.T) {
	t.Parallel()
	o := newKeyOffice(t)
	db := o.open()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for secret, name := range map[string]string{"root-key": "root", "online-key-1": "online"} {
		if _, err := db.PutSecret(t.Context(), secret, protocoltest.Key(name).Private.Seed()); err != nil {
			t.Fatal(err)
		}
	}
	k, err := loadKeys(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadKeys(t.Context(), db)
	if err != nil || !again.link.Equal(k.link) || again.ring.Signer().ID != k.ring.Signer().ID || !bytes.Equal(again.ring.KeySet(), k.ring.KeySet()) {
		t.Errorf("loaded again they are others: %v", err)
	}
	if k.ring.Root().ID != protocoltest.Key("root").ID || k.ring.Signer().ID != protocoltest.Key("online").ID {
		t.Errorf("root %s and online %s are not those of the database", k.ring.Root().ID, k.ring.Signer().ID)
	}
	if _, keys, err := protocol.OpenKeySet(k.ring.KeySet(), protocoltest.Public("root")); err != nil || keys[k.ring.Signer().ID] == nil {
		t.Errorf("the set at the start: %v", err)
	}
	content := callback.SignedContent("event", "1795000000000", []byte("body"))
	for range 2 {
		signature, err := k.signCallback(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(k.ring.JWKS(), signature, content, k.ring.Signer().ID); err != nil {
			t.Error(err)
		}
		if _, err := k.ring.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := k.ring.Rotate(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
}

// verify verifies X-Galla-Signature with a served JWKS.
func verify(served []byte, signature string, content []byte, by string) error {
	jws, err := jose.ParseDetached(signature, content, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(served, &set); err != nil {
		return err
	}
	id := jws.Signatures[0].Protected.KeyID
	found := set.Key(id)
	if id != by || len(found) != 1 {
		return errors.New("signed by " + id + ", want " + by)
	}
	return jws.DetachedVerify(content, found[0])
}
