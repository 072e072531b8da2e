package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// nodeVariable, when it is in the environment, has the test binary be a node of a
// NATS cluster, with that configuration. NATS's server is a library: this is the
// process that it needs, so that it can be killed.
const nodeVariable = "GALLA_E2E_NATS_NODE"

// natsNode is nats-server -c FILE, until it is told to stop.
func natsNode(file string) int {
	opts, err := server.ProcessConfigFile(file)
	if err == nil {
		var s *server.Server
		if s, err = server.NewServer(opts); err == nil {
			s.ConfigureLogger()
			if err = server.Run(s); err == nil {
				s.WaitForShutdown()
				return 0
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// natsCluster is NATS as deploy/nats says: its very files, on loopback.
type natsCluster struct {
	nodes                  []*natsMember
	adminPassword          string
	password, authPassword string // of galla-controller and galla-auth
	files                  string // where what a controller is given is
}

type natsMember struct {
	*process
	name, dir                       string
	mqtt, clients, routes, monitors string // addresses, kept over restarts
}

const natsNodes = 3

// newNATS starts a cluster that is ready by its own word.
func newNATS(t testing.TB, ctx context.Context) *natsCluster {
	c := &natsCluster{adminPassword: rand.Text(), password: rand.Text(), authPassword: rand.Text(), files: t.TempDir()}
	if err := c.configure(t); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	for _, n := range c.nodes {
		if err := n.run(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.nodes {
		if err := n.ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// configure writes every node's three files, and those of the controllers.
func (c *natsCluster) configure(t testing.TB) error {
	issuer, err := nkeys.CreateAccount()
	if err != nil {
		return err
	}
	seed, err := issuer.Seed()
	if err != nil {
		return err
	}
	public, err := issuer.PublicKey()
	if err != nil {
		return err
	}
	var routes []string
	for i := range natsNodes {
		n := &natsMember{name: fmt.Sprint("nats-", i+1), dir: t.TempDir()}
		for _, address := range []*string{&n.mqtt, &n.clients, &n.routes, &n.monitors} {
			if *address, err = freeAddress(); err != nil {
				return err
			}
		}
		c.nodes = append(c.nodes, n)
		routes = append(routes, "nats://"+n.routes)
	}
	shipped, err := os.ReadFile("../../deploy/nats/nats.conf")
	if err != nil {
		return err
	}
	files := map[string]string{
		"broker-password": c.password, "auth-password": c.authPassword, "issuer.seed": string(seed),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(c.files, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		own, err := settings("node", map[string]any{
			"node_name": n.name, "node_clients": n.clients, "node_mqtt": n.mqtt, "node_cluster": n.routes,
			"node_routes": routes, "node_store": filepath.Join(n.dir, "store"),
		})
		if err != nil {
			return err
		}
		secrets, err := settings("secrets", map[string]any{
			"controller_password": c.password, "auth_password": c.authPassword, "admin_password": c.adminPassword, "auth_issuer": public,
		})
		if err != nil {
			return err
		}
		for name, text := range map[string]string{
			"nats.conf": string(shipped), "secrets.conf": secrets,
			"node.conf": own + fmt.Sprintf("http: %q\n", n.monitors), // so that it can be asked how it is
		} {
			if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// settings is an example that is shipped, with other values. What it names and what
// is given must be the same.
func settings(name string, values map[string]any) (string, error) {
	example, err := os.ReadFile("../../deploy/nats/" + name + ".example.conf")
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for line := range strings.Lines(string(example)) {
		key, _, found := strings.Cut(line, ":")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		value, known := values[key]
		if !known {
			return "", fmt.Errorf("%s.example.conf has %s, which the tests do not know", name, key)
		}
		written, err := json.Marshal(value)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "%s: %s\n", key, written)
		delete(values, key)
	}
	if len(values) > 0 {
		return "", fmt.Errorf("%s.example.conf does not have %v", name, values)
	}
	return text.String(), nil
}

// run starts a node, or starts it again with what it has on its disk.
func (n *natsMember) run() (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	n.process, err = startWith([]string{nodeVariable + "=" + filepath.Join(n.dir, "nats.conf")}, self)
	return err
}

// ready waits until the node says that it serves, that it is in a cluster of all
// nodes with a leader, and that what it holds of it is up to date.
func (n *natsMember) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, said := get(ctx, "http://"+n.monitors+"/healthz")
		if status == http.StatusOK {
			var js struct {
				Cluster struct {
					Leader string `json:"leader"`
					Size   int    `json:"cluster_size"`
				} `json:"meta_cluster"`
			}
			said = n.ask(ctx, "/jsz", &js)
			if js.Cluster.Leader != "" && js.Cluster.Size == natsNodes {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-n.done:
			return errors.New("a node of NATS ended:\n" + n.out.tail())
		case <-ctx.Done():
			return fmt.Errorf("a node of NATS is not ready: it says %s\n%s", said, n.out.tail())
		}
	}
}

// ask reads what a node says of itself.
func (n *natsMember) ask(ctx context.Context, path string, into any) (said string) {
	if _, said = get(ctx, "http://"+n.monitors+path); said != "" {
		_ = json.Unmarshal([]byte(said), into) // what is no answer leaves it empty
	}
	return said
}

// guests are the client ids of those who are connected to a node by MQTT.
func (n *natsMember) guests(ctx context.Context) []string {
	var connected struct {
		Connections []struct {
			MQTT string `json:"mqtt_client"`
		} `json:"connections"`
	}
	n.ask(ctx, "/connz?limit=10000", &connected)
	var ids []string
	for _, c := range connected.Connections {
		if c.MQTT != "" {
			ids = append(ids, c.MQTT)
		}
	}
	slices.Sort(ids)
	return ids
}

// sessionStream is where NATS keeps the sessions of MQTT. Who comes in has one, so that
// nobody comes in while it has no leader.
const sessionStream = "$MQTT_sess"

// leads reports whether it is the leader of that.
func (n *natsMember) leads(ctx context.Context) bool {
	var js struct {
		Accounts []struct {
			Streams []struct {
				Name    string `json:"name"`
				Cluster struct {
					Leader string `json:"leader"`
				} `json:"cluster"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	n.ask(ctx, "/jsz?streams=true", &js)
	for _, account := range js.Accounts {
		for _, stream := range account.Streams {
			if stream.Name == sessionStream {
				return stream.Cluster.Leader == n.name
			}
		}
	}
	return false
}

// kill is kill -9.
func (n *natsMember) kill() error { return n.process.stop(syscall.SIGKILL) }

func (c *natsCluster) stop() {
	for _, n := range c.nodes {
		if n.process != nil {
			_ = n.kill() // nothing on its disk is wanted any more
		}
	}
}

// urls are all nodes, as --broker and --nats-auth-url want them.
func (c *natsCluster) urls(scheme string, address func(*natsMember) string) string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, scheme+"://"+address(n))
	}
	return strings.Join(all, ",")
}

// flags are what a controller is told of the cluster.
func (c *natsCluster) flags() []string {
	return []string{
		"--broker", c.urls("mqtt", func(n *natsMember) string { return n.mqtt }),
		"--broker-username", natsController, "--broker-password-file", filepath.Join(c.files, "broker-password"),
		"--nats-auth-url", c.urls("nats", func(n *natsMember) string { return n.clients }),
		"--nats-auth-password-file", filepath.Join(c.files, "auth-password"),
		"--nats-auth-seed-file", filepath.Join(c.files, "issuer.seed"),
	}
}

// natsController is the controllers' user.
const natsController = "galla-controller"

// cost is what each node needs now, for the log.
func (c *natsCluster) cost(ctx context.Context) string {
	var text strings.Builder
	for _, n := range c.nodes {
		var is struct {
			Mem         int64   `json:"mem"`
			CPU         float64 `json:"cpu"`
			Connections int     `json:"connections"`
		}
		var js struct {
			Streams   int    `json:"streams"`
			Consumers int    `json:"consumers"`
			Messages  uint64 `json:"messages"`
			Memory    uint64 `json:"memory"`
			Storage   uint64 `json:"storage"`
			API       struct {
				Total uint64 `json:"total"`
			} `json:"api"`
		}
		n.ask(ctx, "/varz", &is)
		n.ask(ctx, "/jsz", &js)
		fmt.Fprintf(&text, "%s: %d MB, %d connections, %d streams, %d consumers, %d messages, %d B in memory, %d B on disk, %d questions to JetStream\n",
			n.name, is.Mem>>20, is.Connections, js.Streams, js.Consumers, js.Messages, js.Memory, js.Storage, js.API.Total)
	}
	return text.String()
}
