package terminal_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

const (
	benchSalt = "sandbox-merchant-key"
	benchInit = "/v1/payment/init"
	// stateBytes is how long a signed state is, about.
	stateBytes = 1200
	// rest is between two measurements: a terminal goes on reporting for some
	// milliseconds after its frame is ready, and the other one must not pay for that.
	rest = 50 * time.Millisecond
)

// BenchmarkInitToFrame is the way of a payment from the POS to the glass: the signed
// init over HTTP, its commit, the signed state over MQTT, the terminal's own disk,
// the QR and its picture, until the agent hands that to the panel. The bus to the
// panel is not in it. It runs in turn with the least that any such way must do: one
// durable commit on the same PostgreSQL, and one message from paho over Mosquitto to
// paho. times is the ratio of the medians; the goal is 2 (performance: whole-program
// goals). Beside it: how far the way is when the POS has its answer, and when the
// signed state is at the terminal's socket, from where on the time is the
// terminal's, most of it the encoder's (agent/internal/screen, BenchmarkEncodeQR);
// and the same way to a terminal that keeps all in memory, which says what the
// terminal's disk takes.
func BenchmarkInitToFrame(b *testing.B) {
	pg, err := testservers.StartPostgres(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pg.Stop)
	for _, name := range []string{"frames", "probe"} {
		if err := pg.Exec(b.Context(), "postgres", "CREATE DATABASE "+name); err != nil {
			b.Fatal(err)
		}
	}
	api := serveController(b, pg.DSN("frames"))
	counter := newCounter(b, api, someone, b.TempDir())
	light := newCounter(b, api, protocol.Identity{
		MerchantID: someone.MerchantID, StoreID: "MS2603301457425143586306", TerminalID: "MST2603301758302811969831",
	}, "")
	commit := newCommitter(b, pg)
	publish := newPublisher(b)

	pause := time.NewTicker(rest)
	defer pause.Stop()
	var frame, told, answered, diskless, committed, published []time.Duration
	for b.Loop() {
		<-pause.C
		whole := counter.sell(b)
		<-pause.C
		without := light.sell(b)
		<-pause.C
		began := time.Now()
		commit(b)
		half := time.Now()
		publish(b)
		frame, diskless = append(frame, whole.frame), append(diskless, without.frame)
		told, answered = append(told, whole.told), append(answered, whole.answered)
		committed, published = append(committed, half.Sub(began)), append(published, time.Since(half))
	}
	ours, theirs := median(frame), median(committed)+median(published)
	b.ReportMetric(float64(ours)/float64(theirs), "times")
	b.ReportMetric(ours.Seconds()*1000, "ms-frame")
	b.ReportMetric(median(answered).Seconds()*1000, "ms-answered")
	b.ReportMetric(median(told).Seconds()*1000, "ms-told")
	b.ReportMetric(median(diskless).Seconds()*1000, "ms-frame-without-disk")
	b.ReportMetric(median(committed).Seconds()*1000, "ms-commit")
	b.ReportMetric(median(published).Seconds()*1000, "ms-publish")
	b.ReportMetric(0, "ns/op")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// serveController runs the real one with its sandbox and returns its URL.
func serveController(b *testing.B, database string) string {
	b.Helper()
	dir := b.TempDir()
	binary := filepath.Join(dir, "galla-controller")
	build := exec.Command("go", "build", "-o", binary, "./controller/cmd/galla-controller")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build the controller: %v\n%s", err, out)
	}
	var address [2]string
	for i := range address {
		port, err := testservers.FreePort()
		if err != nil {
			b.Fatal(err)
		}
		address[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	var said bytes.Buffer
	cmd := exec.Command(binary, "serve", "--sandbox", "--listen", address[0], "--mqtt-listen", address[1],
		"--database", database, "--seal-key-file", filepath.Join(dir, "seal.key"), "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		<-ended
		late.Stop()
		if b.Failed() {
			b.Log(said.String())
		}
	})
	limit := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := http.Get("http://" + address[0] + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return "http://" + address[0]
			}
		}
		select {
		case <-tick.C:
		case <-ended:
			b.Fatalf("the controller ended:\n%s", said.String())
		case <-limit:
			b.Fatal("the controller is not ready")
		}
	}
}

// counter is a shop's counter: a POS, and a terminal with the real agent and a panel
// that notes when it is given a picture.
type counter struct {
	panel.Panel
	id     protocol.Identity
	api    string
	client *http.Client
	sold   int

	mu     sync.Mutex
	told   time.Time // the first state since the last sale was asked for; zero: none
	handed time.Time // the last picture
	status agent.Status
	news   chan struct{} // closed at the next status
}

func newCounter(b *testing.B, api string, id protocol.Identity, disk string) *counter {
	b.Helper()
	chip := paneltest.NewST7789()
	kind, err := panel.Lookup("st7789")
	if err != nil {
		b.Fatal(err)
	}
	driver, err := kind.Open(chip, chip.Pins(), panel.Options{Timeout: patience})
	if err != nil {
		b.Fatal(err)
	}
	c := &counter{Panel: driver, id: id, api: api, client: &http.Client{Transport: &http.Transport{}}, news: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() {
		over <- agent.Run(ctx, agent.Config{
			Identity: id, Controller: api, DataDir: disk, Enrol: true, Software: "bench", Status: c.hear, Dial: c.dial,
		}, agent.Hardware{Panel: c, Kind: kind})
	}()
	b.Cleanup(func() {
		stop()
		if err := <-over; err != nil && !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
		c.client.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
	})
	c.await(b, "the link", func(s agent.Status) bool { return s.Link && s.Mode == protocol.ModeIdle })
	return c
}

// Draw implements panel.Panel.
func (c *counter) Draw(at image.Rectangle, from image.Image, sp image.Point) error {
	c.mu.Lock()
	c.handed = time.Now()
	c.mu.Unlock()
	return c.Panel.Draw(at, from, sp)
}

// dial makes a connection that notes when a state comes in.
func (c *counter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &listening{conn, c}, nil
}

// listening is a connection of a counter's terminal.
type listening struct {
	net.Conn
	c *counter
}

// Read implements net.Conn. Nothing else that comes from a broker is as long as half
// a state.
func (l *listening) Read(into []byte) (int, error) {
	n, err := l.Conn.Read(into)
	if n > stateBytes/2 {
		l.c.mu.Lock()
		if l.c.told.IsZero() {
			l.c.told = time.Now()
		}
		l.c.mu.Unlock()
	}
	return n, err
}

func (c *counter) hear(s agent.Status) {
	c.mu.Lock()
	c.status = s
	close(c.news)
	c.news = make(chan struct{})
	c.mu.Unlock()
}

// await waits for a status, and returns when the picture of it was handed over, and
// when the terminal was told.
func (c *counter) await(b *testing.B, what string, like func(agent.Status) bool) (handed, told time.Time) {
	b.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		c.mu.Lock()
		status, handed, told, news := c.status, c.handed, c.told, c.news
		c.mu.Unlock()
		if like(status) {
			return handed, told
		}
		select {
		case <-news:
		case <-limit.C:
			b.Fatalf("%s: the terminal is %s", what, status.Mode)
		}
	}
}

// took is the time from the request of the POS until it had its answer, until the
// terminal was told, and until the picture was handed to the panel.
type took struct{ answered, told, frame time.Duration }

// sell asks for a payment, which replaces the one before.
func (c *counter) sell(b *testing.B) took {
	b.Helper()
	c.sold++
	id := fmt.Sprintf("FRAME-%s-%d", c.id.TerminalID[:4], c.sold)
	body, err := json.Marshal(map[string]any{
		"merchantId": c.id.MerchantID, "storeId": c.id.StoreID, "terminalId": c.id.TerminalID,
		"merchantTransactionId": id, "orderId": id, "amount": 24500 + c.sold, "solutionType": "DQR_DEVICE", "expiresIn": 180,
	})
	if err != nil {
		b.Fatal(err)
	}
	encoded := xverify.EncodeBody(body)
	request, err := http.NewRequest(http.MethodPost, c.api+benchInit, strings.NewReader(`{"request":"`+encoded+`"}`))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-VERIFY", xverify.Header(encoded, benchInit, benchSalt, 1))
	c.mu.Lock()
	c.told = time.Time{}
	c.mu.Unlock()
	began := time.Now()
	answer, err := c.client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || !bytes.Contains(text, []byte(`"SUCCESS"`)) {
		b.Fatalf("init: %v %s", err, text)
	}
	answered := time.Since(began)
	handed, told := c.await(b, id, func(s agent.Status) bool {
		return s.Mode == protocol.ModePresenting && s.MerchantTransactionID == id
	})
	if told.IsZero() {
		b.Fatal("a sale is on the glass, and no state as long as one has come")
	}
	return took{answered: answered, told: told.Sub(began), frame: handed.Sub(began)}
}

// newCommitter returns what makes one durable commit: a single row, by the simple
// query of PostgreSQL's own protocol, on a connection that stays.
func newCommitter(b *testing.B, pg *testservers.Postgres) func(*testing.B) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	if err := pg.Exec(ctx, "probe", "CREATE TABLE probe (id bigserial PRIMARY KEY, payload text NOT NULL)"); err != nil {
		b.Fatal(err)
	}
	dsn, err := url.Parse(pg.DSN("probe"))
	if err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("tcp", dsn.Host)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		b.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	say := func(b *testing.B, kind string, body []byte) {
		b.Helper()
		message := binary.BigEndian.AppendUint32([]byte(kind), uint32(len(body)+4))
		if _, err := conn.Write(append(message, body...)); err != nil {
			b.Fatal(err)
		}
		// Up to ReadyForQuery.
		for {
			var head [5]byte
			if _, err := io.ReadFull(answers, head[:]); err != nil {
				b.Fatal(err)
			}
			rest := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
			if _, err := io.ReadFull(answers, rest); err != nil {
				b.Fatal(err)
			}
			switch head[0] {
			case 'E':
				b.Fatalf("PostgreSQL: %q", rest)
			case 'Z':
				return
			}
		}
	}
	say(b, "", fmt.Appendf([]byte{0, 3, 0, 0}, "user\x00%s\x00database\x00probe\x00\x00", dsn.User.Username()))
	insert := append([]byte("INSERT INTO probe (payload) VALUES ('"+strings.Repeat("p", stateBytes)+"')"), 0)
	return func(b *testing.B) {
		b.Helper()
		say(b, "Q", insert)
	}
}

// newPublisher returns what brings one message of a state's length from paho over
// Mosquitto to paho, with QoS 1.
func newPublisher(b *testing.B) func(*testing.B) {
	b.Helper()
	mq, err := testservers.StartMosquitto(b.Context(), "", "allow_anonymous true\nset_tcp_nodelay true\n")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(mq.Stop)
	done := func(b *testing.B, t paho.Token) {
		b.Helper()
		if !t.WaitTimeout(patience) || t.Error() != nil {
			b.Fatal("paho: ", t.Error())
		}
	}
	client := func(name string) paho.Client {
		c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + mq.Addr()).SetClientID(name).SetProtocolVersion(4).SetAutoReconnect(false))
		done(b, c.Connect())
		b.Cleanup(func() { c.Disconnect(0) })
		return c
	}
	mouth, ear, heard := client("mouth"), client("ear"), make(chan struct{}, 1)
	done(b, ear.Subscribe("state", 1, func(paho.Client, paho.Message) { heard <- struct{}{} }))
	payload := bytes.Repeat([]byte("s"), stateBytes)
	return func(b *testing.B) {
		b.Helper()
		mouth.Publish("state", 1, false, payload)
		select {
		case <-heard:
		case <-time.After(patience):
			b.Fatal("a message over Mosquitto is lost")
		}
	}
}
