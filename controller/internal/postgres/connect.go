package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Limits of one connection.
const (
	// connectLimit bounds the making of a connection. Where there are several hosts
	// each gets its share of it, of a second at least: one that is switched off must
	// not keep the others from being asked.
	connectLimit = 3 * time.Second
	// pingLimit is how long a connection that has been idle may take to say that it
	// is still there.
	pingLimit = 2 * time.Second
	// peerLimit is how long a server may acknowledge nothing until its machine
	// counts as gone: a machine that is switched off does not say so.
	peerLimit = 10 * time.Second
)

// pooling is what pools do not have in common.
type pooling struct {
	size     int
	settings map[string]string
	tracer   pgx.QueryTracer
	// steady connections never ask the server to cancel a statement (line).
	steady bool
}

// parse reads the DSN, and adds what every connection of ours has. It reports how
// many servers the DSN names.
func parse(dsn string) (cfg *pgxpool.Config, hosts int, err error) {
	if cfg, err = pgxpool.ParseConfig(dsn); err != nil {
		return nil, 0, fmt.Errorf("postgres: %w", hidden(err))
	}
	c := cfg.ConnConfig
	// A server that only follows another can do nothing for a controller: its rows
	// may be old, and it saves none.
	if c.ValidateConnect == nil && !says(dsn, "any") {
		c.ValidateConnect = writable
	}
	hosts = servers(c)
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = max(connectLimit/time.Duration(hosts), time.Second)
	}
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: peerLimit / 2, Interval: peerLimit / 4, Count: 2},
		Control:         giveUpAfter(peerLimit),
	}
	c.DialFunc = dialer.DialContext
	for name, value := range map[string]string{
		"application_name": "galla-controller", "timezone": "UTC",
		"idle_in_transaction_session_timeout": "2s",
		"tcp_keepalives_idle":                 "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
		// What is promised is on disk, here and where a standby is waited for; and what
		// went wrong with that is said (warned).
		"synchronous_commit": "on", "client_min_messages": "warning",
		// Without sequential scans a table that has to be read whole looks so costly
		// that its statement would be compiled, each time, for 100 ms and more.
		"jit": "off",
	} {
		c.RuntimeParams[name] = value
	}
	return cfg, hosts, nil
}

// target finds what a DSN says of the servers that it wants.
var target = regexp.MustCompile(`\btarget_session_attrs\s*=\s*'?([a-z-]+)`)

// says reports whether the DSN, or where that is silent the environment, wants
// such servers.
func says(dsn, attrs string) bool {
	if m := target.FindStringSubmatch(dsn); m != nil {
		return m[1] == attrs
	}
	return os.Getenv("PGTARGETSESSIONATTRS") == attrs
}

// readOnly reports whether the DSN asks for servers that need not be written to:
// then what is read there is taken as it comes.
func readOnly(dsn string) bool {
	return says(dsn, "any") || says(dsn, "read-only") || says(dsn, "standby") || says(dsn, "prefer-standby")
}

// servers is how many servers a configuration names. A fallback may be the same
// one without TLS.
func servers(c *pgx.ConnConfig) int {
	all := map[string]bool{fmt.Sprint(c.Host, " ", c.Port): true}
	for _, f := range c.Fallbacks {
		all[fmt.Sprint(f.Host, " ", f.Port)] = true
	}
	return len(all)
}

// pool makes a pool of connections, which are made when they are needed.
func pool(ctx context.Context, dsn string, p pooling) (*pgxpool.Pool, error) {
	cfg, _, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(p.size)
	cfg.ConnConfig.Tracer = p.tracer
	cfg.MaxConnLifetimeJitter = cfg.MaxConnLifetime / 10
	cfg.PingTimeout = pingLimit
	for name, value := range p.settings {
		cfg.ConnConfig.RuntimeParams[name] = value
	}
	cfg.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		wire(c, p.steady)
		return nil
	}
	cfg.AfterConnect = useArrays
	follows := readOnly(dsn)
	cfg.PrepareConn = func(_ context.Context, c *pgx.Conn) (bool, error) {
		if l := lineOf(c); l != nil {
			l.warned = nil
		}
		return follows || demoted(c) == nil, nil
	}
	made, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return made, nil
}

// hidden keeps the DSN, which may hold a password, out of an error's text.
func hidden(err error) error {
	if p := (*pgconn.ParseConfigError)(nil); errors.As(err, &p) {
		return errors.New("the database URL cannot be read")
	}
	return err
}

// line is what is known of a connection beside what pgx knows of it.
//
// A steady one sends no cancel requests. pgx sends one, on a second connection,
// whenever the first is given up, also where that was lost after a COMMIT. But a
// commit that waits for a standby ends when it is cancelled: it is done, is seen
// by everybody, and is lost with its server. So what must not end like that is
// left to the server, which notices by itself that nobody listens any more.
type line struct {
	steady bool
	made   atomic.Bool
	// warned is the last warning that came, for whoever has the connection now.
	warned *pgconn.Notice
}

const lineKey = "galla line"

var errSteady = errors.New("postgres: statements of this connection are not cancelled")

// wire gives the one connection that is made by c its line.
func wire(c *pgx.ConnConfig, steady bool) {
	l := &line{steady: steady}
	dial := c.DialFunc
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if l.steady && l.made.Load() {
			return nil, errSteady
		}
		return dial(ctx, network, address)
	}
	c.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			l.warned = n
		}
	}
	c.AfterConnect = func(_ context.Context, conn *pgconn.PgConn) error {
		l.made.Store(true)
		l.warned = nil
		conn.CustomData()[lineKey] = l
		return nil
	}
}

// lineOf is a connection's line; nil where it was made without one.
func lineOf(c *pgx.Conn) *line {
	l, _ := c.PgConn().CustomData()[lineKey].(*line)
	return l
}

// warned says whether the server has warned since the connection was taken. After
// a commit that means: it is done here, and the standby may not have it, for the
// wait for that was cancelled. (PostgreSQL answers COMMIT all the same.)
func warned(c *pgx.Conn) error {
	l := lineOf(c)
	if l == nil || l.warned == nil {
		return nil
	}
	return fmt.Errorf("the server warns: %s (%s)", l.warned.Message, l.warned.Code)
}

// What a server says of itself when a connection is made, and whenever it changes.
const (
	inHotStandby = "in_hot_standby"
	readOnlyNow  = "default_transaction_read_only"
)

// errDemoted is a server that follows another, or is read-only.
var errDemoted = errors.New("the server cannot be written to")

// writable is target_session_attrs=read-write, without the question: the server has
// said what it is. (Who does not, because somebody stands between, is asked.)
func writable(ctx context.Context, c *pgconn.PgConn) error {
	if c.ParameterStatus(inHotStandby) == "" {
		return pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, c)
	}
	if c.ParameterStatus(inHotStandby) == "on" || c.ParameterStatus(readOnlyNow) == "on" {
		return errDemoted
	}
	return nil
}

// demoted reports errDemoted where the server has said so with its latest answer:
// then that may be old.
func demoted(c *pgx.Conn) error {
	if !c.IsClosed() && (c.PgConn().ParameterStatus(inHotStandby) == "on" || c.PgConn().ParameterStatus(readOnlyNow) == "on") {
		return errDemoted
	}
	return nil
}
