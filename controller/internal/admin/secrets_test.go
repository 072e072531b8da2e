package admin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin"
)

// TestSecretsAreToldOnce: every secret that the door makes is in the answer that
// makes it, and in nothing that the door says, writes down or logs after that
// (failure matrix T9). So is what others' URLs may hold.
func TestSecretsAreToldOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, openSQLite(t))
	var secrets []string
	for _, token := range d.tokens {
		secrets = append(secrets, token)
	}
	d.want(201, "POST", "/merchants", map[string]any{
		"merchantId": "SHOP1", "name": "One", "mcc": "5411", "payee": "shop1@upi", "callbackUrl": "https://pos.example.in/cb?key=" + canary,
	})
	d.want(200, "PATCH", "/merchants/SHOP1", map[string]any{"callbackUrl": "https://pos.example.in/new?key=" + canary})
	key := d.want(201, "POST", "/keys", map[string]any{"owner": "SHOP1"})
	rotated := d.want(201, "POST", "/keys/SHOP1/rotate", nil)
	token := d.want(201, "POST", "/tokens", map[string]any{"name": "new", "role": "admin"})
	for _, made := range []string{key.body["secret"].(string), rotated.body["secret"].(string), token.body["token"].(string)} {
		if len(made) < 40 {
			t.Errorf("a secret of %d characters", len(made))
		}
		secrets = append(secrets, made)
	}
	if a := d.as("", "GET", "/admin/v1/whoami", nil); a.status != 401 {
		t.Fatal(a.raw)
	}
	var said strings.Builder
	for _, path := range []string{
		"/whoami", "/merchants", "/merchants/SHOP1", "/keys", "/keys?owner=SHOP1", "/keys/SHOP1/1", "/keys/SHOP1/2", "/tokens", "/tokens/new",
		"/audit?limit=200", "/callbacks", "/callbacks/event1",
	} {
		said.WriteString(d.want(200, "GET", path, nil).raw)
	}
	said.WriteString(d.want(200, "POST", "/keys/SHOP1/1/disable", nil).raw)
	said.WriteString(d.want(200, "POST", "/merchants/SHOP1/disable", nil).raw)
	said.WriteString(d.want(200, "POST", "/tokens/new/revoke", nil).raw)
	// What has the wrong shape is not repeated.
	said.WriteString(d.as(admin.RoleAdmin, "POST", "/admin/v1/tokens", `{"name":"`+secrets[0]+`","role":"admin"}`).raw)
	said.WriteString(d.as(admin.RoleAdmin, "POST", "/admin/v1/keys", `{"owner":"SHOP1","secret":"`+canary+`"}`).raw)
	for _, line := range d.audit() {
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(text)
	}
	said.WriteString(d.log.String())
	for _, secret := range append(secrets, canary) {
		if strings.Contains(said.String(), secret) {
			t.Errorf("%.12s... was said again", secret)
		}
	}
	if !strings.Contains(said.String(), "https://pos.example.in/new?***") {
		t.Error("the callback URL is not shown at all")
	}
}

// TestSecretsDoNotPrint: the values that hold one hide it from fmt and slog.
func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	key, token := admin.MadeKey{Secret: canary}, admin.MadeToken{Text: canary}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("made", "key", key, "token", token, "secret", key.Secret)
	text := b.String() + fmt.Sprintf("%v %+v %#v %s %v %+v %#v", key, key, key, key.Secret, token, token, token)
	input, rotation := admin.NewKey{Owner: "SHOP1", Secret: canary}, admin.Rotation{Secret: canary}
	text += fmt.Sprintf("%v %+v %#v %v %+v %#v", input, input, input, rotation, rotation, rotation)
	if strings.Contains(text, canary) {
		t.Errorf("printed: %s", text)
	}
}

// TestTokensAreHashed: the database holds the hash of a token and not the token,
// and what it holds lets nobody in.
func TestTokensAreHashed(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s := admin.NewService(db)
		made, err := s.CreateToken(t.Context(), me, admin.NewToken{Name: "one", Role: "viewer"})
		is(t, "token", err, "", "")
		other, err := s.CreateToken(t.Context(), me, admin.NewToken{Name: "two", Role: "viewer"})
		is(t, "token", err, "", "")
		if made.Text == other.Text || len(made.Text) != len("galla_admin_")+43 {
			t.Error("tokens are not of 256 random bits")
		}
		who, err := s.Authenticate(t.Context(), string(made.Text))
		is(t, "the token", err, "", "")
		if who.Name != "one" || who.Role != admin.RoleViewer || who.CreatedBy != me.Actor {
			t.Errorf("%+v", who)
		}
		_, err = s.CreateToken(t.Context(), me, admin.NewToken{Name: "one", Role: "admin"})
		is(t, "a name again", err, admin.CodeExists, "")
		for _, text := range []string{"", "one", string(made.Text)[:50], string(made.Text) + "A", strings.ToUpper(string(made.Text)), "\x00"} {
			_, err := s.Authenticate(t.Context(), text)
			is(t, text, err, admin.CodeUnauthorized, "")
		}
		_, err = s.RevokeToken(t.Context(), me, "one")
		is(t, "revoke", err, "", "")
		_, err = s.Authenticate(t.Context(), string(made.Text))
		is(t, "the revoked token", err, admin.CodeUnauthorized, "")
		_, err = s.CreateToken(t.Context(), me, admin.NewToken{Name: "one", Role: "admin"})
		is(t, "a revoked name again", err, admin.CodeExists, "")
	})
}
