package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/hack/testservers"
)

// storage is what the tests ask of a storage beside the Service's part.
type storage interface {
	admin.Store
	Seed(ctx context.Context, d merchant.Data) error
	Directory(ctx context.Context) (*merchant.Directory, error)
}

func box(t testing.TB) *seal.Box {
	t.Helper()
	b, err := seal.FromKey([]byte("thirty-two bytes, for tests only"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// openSQLite makes a database of the test's own.
func openSQLite(t testing.TB) storage {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{
		Path: filepath.Join(t.TempDir(), "galla.db"), Box: box(t), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// openPostgres makes a database of the test's own.
func openPostgres(t testing.TB) storage {
	t.Helper()
	config := func(dsn string) postgres.Config {
		return postgres.Config{DSN: dsn, Box: box(t), Log: slog.New(slog.DiscardHandler), Readers: 4}
	}
	dsn := testservers.SharedPostgres(t).NewDatabaseFrom(t, "migrated", func(dsn string) error {
		db, err := postgres.Open(context.Background(), config(dsn))
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(context.Background())
	})
	db, err := postgres.Open(t.Context(), config(dsn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// onBoth runs a test on both storages.
func onBoth(t *testing.T, test func(t *testing.T, db storage)) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) storage{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// me is who changes things in the tests of the Service.
var me = admin.By{Actor: "cli:tester", Source: "here"}

// door is the API over a storage, with a token for each role.
type door struct {
	t       testing.TB
	db      storage
	service *admin.Service
	handler http.Handler
	tokens  map[admin.Role]string
	outside *outside
	log     *lockedBuffer
}

func newDoor(t testing.TB, db storage) *door {
	t.Helper()
	d := &door{t: t, db: db, service: admin.NewService(db), tokens: map[admin.Role]string{}, outside: newOutside(), log: &lockedBuffer{}}
	for _, role := range admin.Roles() {
		made, err := d.service.CreateToken(t.Context(), me, admin.NewToken{Name: "the-" + string(role), Role: string(role)})
		if err != nil {
			t.Fatal(err)
		}
		d.tokens[role] = string(made.Text)
	}
	api, err := admin.New(admin.Config{
		Service: d.service, Callbacks: d.outside, Enrolment: d.outside, SigningKeys: signingKeys{d.outside}, Payments: payments{d.outside},
		Log: textLog(d.log),
	})
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	r := gin.New() // without recovery: a panic is a failure
	r.HandleMethodNotAllowed, r.RedirectTrailingSlash, r.ContextWithFallback = true, false, true
	r.Use(func(c *gin.Context) { c.Set("requestId", "request-1"); c.Header("X-Request-Id", "request-1") })
	r.NoRoute(admin.NoRoute)
	r.NoMethod(admin.NoMethod)
	api.Register(r)
	d.handler = r
	return d
}

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (a answer) code() string { code, _ := a.body["code"].(string); return code }

// send sends a request as it is.
func (d *door) send(r *http.Request) answer {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		d.t.Fatal(err)
	}
	a := answer{status: w.Code, header: w.Result().Header, raw: string(raw)}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		d.t.Fatalf("%s %s: the answer is no JSON object: %s", r.Method, r.URL, raw)
	}
	return a
}

// as asks with a role's token; body is marshalled unless it is a text.
func (d *door) as(role admin.Role, method, path string, body any) answer {
	d.t.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			d.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(text))
	if token := d.tokens[role]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return d.send(r)
}

// want asks as an admin and wants a status.
func (d *door) want(status int, method, path string, body any) answer {
	d.t.Helper()
	a := d.as(admin.RoleAdmin, method, admin.Prefix+path, body)
	if a.status != status {
		d.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.raw, status)
	}
	return a
}

// shop makes SHOP1 with a store, a terminal and a provider.
func (d *door) shop() {
	d.t.Helper()
	d.want(201, "POST", "/merchants", map[string]any{"merchantId": "SHOP1", "name": "Shop One", "mcc": "5411", "payee": "shop1@upi", "dqr": true})
	d.want(201, "POST", "/stores", map[string]any{"merchantId": "SHOP1", "storeId": "STORE1", "name": "High Street"})
	d.want(201, "POST", "/terminals", map[string]any{"merchantId": "SHOP1", "storeId": "STORE1", "terminalId": "T1", "label": "Counter"})
	d.want(201, "POST", "/providers", map[string]any{"providerId": "VENDOR", "merchants": []string{"SHOP1"}})
	d.want(201, "POST", "/organisations", map[string]any{"organisationId": "BANK1"})
	d.want(201, "POST", "/keys", map[string]any{"owner": "SHOP1"})
}

// audit is the whole audit log.
func (d *door) audit() []admin.AuditEntry {
	d.t.Helper()
	return auditOf(d.t, d.service)
}

func auditOf(t testing.TB, s *admin.Service) []admin.AuditEntry {
	t.Helper()
	var all []admin.AuditEntry
	for after := ""; ; {
		page, err := s.Audit(context.Background(), admin.AuditQuery{After: after, Limit: admin.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Items...)
		if after = page.Next; after == "" {
			return all
		}
	}
}

// lockedBuffer is a log that several goroutines may write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// fill puts names of things that are there into a route's path.
func fill(path string) string {
	return strings.NewReplacer("{merchantId}", "SHOP1", "{storeId}", "STORE1", "{terminalId}", "T1", "{vpa}", "shop1@upi", "{mcc}", "5411", "{providerId}", "VENDOR",
		"{organisationId}", "BANK1", "{owner}", "SHOP1", "{index}", "1", "{name}", "somebody", "{fingerprint}", "00").Replace(path)
}
