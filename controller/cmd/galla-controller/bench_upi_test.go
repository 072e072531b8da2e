//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/ops"
	"github.com/galla-pay/galla/controller/internal/sweep"
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/hack/testservers"
)

var listStatements = flag.Bool("statements", false, "BenchmarkUPI: list what PostgreSQL was asked, and how often for each request")

// BenchmarkUPI says what a message of the UPI network costs (PRD 10; performance:
// end to end): the controller's own router, journal and services on a PostgreSQL
// that syncs, 256 callers in closed loop, half of their messages ReqValQr and half
// ReqPay. Callers hand requests straight to the router and their messages are made
// before, so that next to nothing of the CPU time is theirs; what net/http and the
// network cost is not in it. What is left to do after an answer (PRD 5.1 step 21)
// is done before the clock of the CPU is read.
//
//	go test -run '^$' -bench '^BenchmarkUPI$' -benchtime 30000x -cpuprofile cpu.out ./cmd/galla-controller
//
// Signed messages are verified and answered signed. With -statements it lists what
// PostgreSQL was asked.
func BenchmarkUPI(b *testing.B) {
	for _, signed := range []bool{false, true} {
		name := "unsigned"
		if signed {
			name = "signed"
		}
		b.Run(name, func(b *testing.B) { benchUPI(b, signed) })
	}
}

// upiCallers is how many callers there are.
const upiCallers = 256

func benchUPI(b *testing.B, signed bool) {
	bank := newBenchBank(b, signed)
	assessed := newAssessments()
	router, dsn := benchController(b, bank, assessed)
	pays := bank.tokens(b, router, b.N/2)
	validations := bank.validations("B", b.N-len(pays))
	server, outsider := postmaster(b, dsn)
	assessed.await(bank.validated.Load())
	if *listStatements {
		if _, err := outsider.Exec(b.Context(), "SELECT pg_stat_statements_reset()"); err != nil {
			b.Fatal(err)
		}
	}

	b.ReportAllocs()
	ours, theirs := ownCPU(b), server.cpu(b)
	b.ResetTimer()
	each(upiCallers, b.N, func(n int) {
		route, doc := "validate", []byte(nil)
		if n%2 == 1 && n/2 < len(pays) {
			route, doc = "pay", pays[n/2]
		} else {
			doc = validations[min((n+1)/2, len(validations)-1)]
		}
		if answer, good := bank.post(router, route, doc); !good {
			b.Errorf("%s: %s", route, answer)
		}
	})
	b.StopTimer()
	assessed.await(bank.validated.Load())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric((ownCPU(b)-ours).Seconds()*1e6/float64(b.N), "us-server/request")
	b.ReportMetric((server.cpu(b)-theirs).Seconds()*1e6/float64(b.N), "us-postgres/request")
	if *listStatements {
		printStatements(b, outsider)
	}
}

// each calls do with 0 to n-1, from so many callers, each of which waits for its
// call.
func each(callers, n int, do func(int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

// benchBank is the UPI network's side of the benchmark.
type benchBank struct {
	signer *upixml.Signer // nil: it does not sign
	cert   *x509.Certificate
	routes map[string]*url.URL
	// validated is how many ReqValQr were answered 00.
	validated atomic.Int64
}

func newBenchBank(b *testing.B, signed bool) *benchBank {
	k := &benchBank{routes: map[string]*url.URL{}}
	for _, route := range []string{"validate", "pay"} {
		k.routes[route] = &url.URL{Path: "/api/v1/dynamic-qr/" + route}
	}
	if !signed {
		return k
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	if k.cert, err = x509.ParseCertificate(der); err != nil {
		b.Fatal(err)
	}
	if k.signer, err = upixml.NewSigner(key, k.cert); err != nil {
		b.Fatal(err)
	}
	return k
}

// merchants are the sandbox's, with the bank's certificate.
func (k *benchBank) merchants() merchant.Data {
	d := merchant.Sandbox()
	if k.cert != nil {
		d.Organisations[0].Certificates = []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.cert.Raw}))}
	}
	return d
}

// benchPayees take turns; benchPayers is how many customers there are.
var benchPayees = []string{"merchant@upi", "nofee@mercury", "cogwave@upi", "second@upi"}

const benchPayers = 5000

// made makes n messages, signed where the bank signs.
func (k *benchBank) made(n int, write func(i int) string) [][]byte {
	docs := make([][]byte, n)
	each(8, n, func(i int) {
		docs[i] = []byte(write(i))
		if k.signer != nil {
			docs[i], _ = k.signer.Sign(docs[i]) // an answer that is not 00 tells
		}
	})
	return docs
}

func (k *benchBank) validations(name string, n int) [][]byte {
	return k.made(n, func(i int) string {
		ref := base64.StdEncoding.EncodeToString([]byte("initiation_mode=16&pa=" + benchPayees[i%len(benchPayees)]))
		return fmt.Sprintf("<ReqValQr><MsgID>%sV%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><Curr>INR</Curr>"+
			"<Amount>%d.00</Amount><Mcc>5411</Mcc><RefUrl>%s</RefUrl></ReqValQr>", name, i, 100+i%900, ref)
	})
}

// tokens asks for n tokens and makes the ReqPays that spend them.
func (k *benchBank) tokens(b *testing.B, router http.Handler, n int) [][]byte {
	tokens := make([]string, n)
	asked := k.validations("T", n)
	each(upiCallers, n, func(i int) {
		answer, good := k.post(router, "validate", asked[i])
		if !good {
			b.Errorf("a token: %s", answer)
		}
		tokens[i] = xmlField(string(answer), "VerToken")
	})
	return k.made(n, func(i int) string {
		return fmt.Sprintf("<ReqPay><MsgID>P%d</MsgID><TxnID>X%d</TxnID><VerToken>%s</VerToken><Amount>%d.00</Amount><Curr>INR</Curr>"+
			"<PayerAddr>payer%d@upi</PayerAddr><PayeeAddr>%s</PayeeAddr><Timestamp>2026-06-12T10:35:00Z</Timestamp></ReqPay>",
			i, i, tokens[i], 100+i%900, i%benchPayers, benchPayees[i%len(benchPayees)])
	})
}

// post hands a message to the router and returns what it answers, and whether that
// is 00.
func (k *benchBank) post(router http.Handler, route string, doc []byte) (answer []byte, good bool) {
	w := &benchAnswer{header: http.Header{}}
	router.ServeHTTP(w, &http.Request{
		Method: "POST", URL: k.routes[route], RequestURI: k.routes[route].Path, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/xml"}}, Host: "127.0.0.1", RemoteAddr: "127.0.0.1:40000",
		Body: io.NopCloser(bytes.NewReader(doc)), ContentLength: int64(len(doc)),
	})
	good = bytes.Contains(w.body, []byte("<Status>00</Status>"))
	if good && route == "validate" {
		k.validated.Add(1)
	}
	return w.body, good
}

type benchAnswer struct {
	header http.Header
	body   []byte
}

func (w *benchAnswer) Header() http.Header { return w.header }
func (w *benchAnswer) WriteHeader(int)     {}
func (w *benchAnswer) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return len(p), nil
}

// benchController runs the parts of a controller that a payment of the UPI network
// meets, wired as serve does it, on a database of its own.
func benchController(b *testing.B, bank *benchBank, assessed *assessments) (router http.Handler, dsn string) {
	log := slog.New(slog.DiscardHandler)
	done := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	var settings []testservers.PostgresOption
	if *listStatements {
		settings = append(settings, testservers.WithSetting("shared_preload_libraries", "pg_stat_statements"))
	}
	pg, err := testservers.StartPostgres(b.Context(), "", settings...)
	done(err)
	b.Cleanup(pg.Stop)
	dsn = pg.NewDatabase(b)
	if *listStatements {
		done(pg.Exec(b.Context(), dsn[strings.LastIndexByte(dsn, '/')+1:strings.IndexByte(dsn, '?')], "CREATE EXTENSION pg_stat_statements"))
	}
	s := serveCommand{
		MQTTListen: "127.0.0.1:0", Sandbox: true, dynamicFlags: asPrinted(), fxFlags: fxFlags{FXEvery: time.Hour},
		databaseFlags: databaseFlags{Database: dsn, SealKeyFile: filepath.Join(b.TempDir(), "seal.key")},
	}
	c := &controller{serveCommand: s, log: log, metrics: ops.NewMetrics("test"), limits: s.newLimits(true, nil, log)}
	var writers int
	c.db, writers, err = s.openTraced(b.Context(), log, nil)
	done(err)
	b.Cleanup(func() { _ = c.db.Close() })
	done(c.db.Migrate(b.Context()))
	done(c.db.Seed(b.Context(), bank.merchants()))
	c.keys, err = loadKeys(b.Context(), c.db)
	done(err)
	c.signer, err = s.openSigner(b.Context(), c.db, true)
	done(err)
	c.people = &directory{db: c.db, log: log}
	done(c.people.read(b.Context()))
	rules, err := c.openRisk(log)
	done(err)
	rates, err := c.newFX(true, log, c.metrics.FXAge, c.metrics.FXDistrusted)
	done(err)
	c.assessor = c.newAssessor(rules)
	cfg := c.journalConfig(writers)
	tell := cfg.OnCommit
	cfg.OnCommit = func(changes decide.Changes) {
		tell(changes)
		assessed.committed(changes)
	}
	c.journal, err = journal.New(cfg)
	done(err)
	c.assessor.worker.Journal = c.journal
	c.upi = c.newUPI(rates)
	c.link = mqttlink.New(mqttlink.Config{Journal: c.journal, Reader: c.db, Keys: c.keys.ring, Allow: c.limits.allowTerminal, Log: log, Counted: c.metrics.TerminalMessage})
	c.callback, err = c.newCallback()
	done(err)
	c.network, err = c.newNetwork(c, c.db, c.signer)
	done(err)

	ctx, stop := context.WithCancel(context.Background())
	c.broker, err = c.openBroker(ctx, c)
	done(err)
	c.link.Attach(c.broker)
	c.registrar, err = newRegistrar(ctx, c.db, c.broker, log)
	done(err)
	c.ready = c.newReadiness()
	router, err = c.newRouter()
	done(err)
	var services sync.WaitGroup
	journalDone := make(chan error, 1)
	go func() { journalDone <- c.journal.Run(ctx) }()
	sweeper := &sweep.Sweeper{Journal: c.journal, Find: c.db.Due, TimedOut: c.timeout().End, Log: log}
	for _, run := range []func(context.Context){
		c.link.Run, c.callback.Run, c.network.Run, sweeper.Run, c.people.keepFresh, c.measure, c.broker.Run, c.upi.Run, c.assessor.worker.Run,
	} {
		services.Go(func() { run(ctx) })
	}
	b.Cleanup(func() {
		_ = c.broker.Close(context.Background())
		stop()
		if err := <-journalDone; err != nil {
			b.Error(err)
		}
		services.Wait()
	})
	return router, dsn
}

// assessments counts the validations that were processed (PRD 5.1 step 21).
type assessments struct {
	mu   sync.Mutex
	done int
	more sync.Cond
}

func newAssessments() *assessments {
	a := &assessments{}
	a.more.L = &a.mu
	return a
}

func (a *assessments) committed(changes decide.Changes) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range changes.QuoteEvents {
		if e.Event == "processed" {
			a.done++
		}
	}
	a.more.Broadcast()
}

// await waits until n were.
func (a *assessments) await(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for int64(a.done) < n {
		a.more.Wait()
	}
}

// ownCPU is what this process has used so far.
func ownCPU(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// serverProcess is the first process of a PostgreSQL.
type serverProcess string

// postmaster finds it, and returns a connection to its database.
func postmaster(b *testing.B, dsn string) (serverProcess, *pgx.Conn) {
	conn, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	var backend string
	if err := conn.QueryRow(b.Context(), "SELECT pg_backend_pid()::text").Scan(&backend); err != nil {
		b.Fatal(err)
	}
	return serverProcess(procStat(backend).parent), conn
}

// cpu is what it and its children have used so far, those that have ended too; 0
// where /proc does not tell.
func (p serverProcess) cpu(b *testing.B) time.Duration {
	own := procStat(string(p))
	sum := own.used + own.children
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, place := range all {
		if child := procStat(filepath.Base(place)); child.parent == string(p) {
			sum += child.used
		}
	}
	return sum
}

// stat is what /proc says of a process.
type stat struct {
	parent         string
	used, children time.Duration
}

func procStat(pid string) (s stat) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return s // it has ended, or there is no /proc
	}
	// After the name, which may hold anything but ends with the last parenthesis.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	ticks := func(i int) time.Duration {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return time.Duration(n) * 10 * time.Millisecond // USER_HZ is 100 everywhere
	}
	return stat{fields[1], ticks(11) + ticks(12), ticks(13) + ticks(14)}
}

func printStatements(b *testing.B, conn *pgx.Conn) {
	rows, err := conn.Query(b.Context(), `SELECT calls, rows, total_exec_time, regexp_replace(left(query, 300), '\s+', ' ', 'g')
		FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		ORDER BY total_exec_time DESC LIMIT 40`)
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	var calls, lines int64
	var took float64
	var query string
	total := 0.0
	if _, err := pgx.ForEachRow(rows, []any{&calls, &lines, &took, &query}, func() error {
		n := float64(b.N)
		total += float64(calls) / n
		fmt.Fprintf(&text, "%8.4f statements %8.3f rows %8.2f us for each request: %.160s\n", float64(calls)/n, float64(lines)/n, took*1000/n, query)
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "%s: %.3f statements for each of %d requests\n%s", b.Name(), total, b.N, &text)
}
