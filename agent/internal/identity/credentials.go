package identity

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Credentials are what a terminal needs to work. All but the online keys never
// change while the agent runs.
type Credentials struct {
	Identity protocol.Identity
	// Key signs what the terminal says.
	Key protocol.SigningKey
	// Token is the MQTT password.
	Token string
	// Brokers are the nodes of one cluster: mqtt:// or mqtts://, host:port.
	Brokers []string

	root  ed25519.PublicKey
	store *Store
	// keySetFile is where Update keeps a key set.
	keySetFile string
	transport  Transport

	mu      sync.Mutex
	version uint64
	keys    protocol.PublicKeys
}

// trust is what an enrolment makes a terminal believe.
type trust struct {
	root    ed25519.PublicKey
	version uint64
	keys    protocol.PublicKeys
}

// check looks whether an enrolment fits together, and is one of the terminal id.
func (e enrolment) check(id protocol.Identity, keySet []byte) (trust, error) {
	switch {
	case e.Identity != id:
		return trust{}, fmt.Errorf("credentials are for %s, this terminal is %s", e.Identity, id)
	case e.Token == "":
		return trust{}, errors.New("no token")
	}
	if err := CheckBrokers(e.Brokers); err != nil {
		return trust{}, err
	}
	root, err := protocol.EnrolAnswer{RootKey: e.RootKey}.Root()
	if err != nil {
		return trust{}, err
	}
	version, keys, err := protocol.OpenKeySet(keySet, root)
	if err != nil {
		return trust{}, fmt.Errorf("key set: %w", err)
	}
	return trust{root: root, version: version, keys: keys}, nil
}

// newCredentials puts a checked enrolment and the device's key together.
func newCredentials(s *Store, key ed25519.PrivateKey, e enrolment, t trust) *Credentials {
	return &Credentials{
		Identity: e.Identity,
		Key:      protocol.NewSigningKey(key),
		Token:    e.Token,
		Brokers:  e.Brokers,
		root:     t.root,
		store:    s,
		version:  t.version,
		keys:     t.keys,

		keySetFile: keySetFile,
	}
}

// CheckBrokers says what is wrong with a list of brokers: there must be one at
// least, each mqtt:// or mqtts:// with a host and no more than a port.
func CheckBrokers(brokers []string) error {
	if len(brokers) == 0 {
		return errors.New("no broker")
	}
	for _, b := range brokers {
		u, err := url.Parse(b)
		if err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		if u.Scheme != "mqtt" && u.Scheme != "mqtts" || u.Hostname() == "" ||
			u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("broker %q is not mqtt://host:port or mqtts://host:port", b)
		}
	}
	return nil
}

// TLS is whom the terminal was told to believe when it enrolled, and its own
// certificate, but for the server's name. It is for a look at a broker from
// outside the agent; connections are made by Handshake, which is wiser about the
// time.
func (c *Credentials) TLS() *tls.Config { return c.transport.config(c.store.clock) }

// Handshake makes a connection to an mqtts broker of that name out of conn. A wall
// clock that is wrong does not matter, see package clock. On error conn is still
// the caller's.
func (c *Credentials) Handshake(ctx context.Context, conn net.Conn, host string) (*tls.Conn, error) {
	return c.transport.handshake(ctx, conn, host, c.store.clock)
}

// Wall is what the device's wall clock says, right or wrong.
func (c *Credentials) Wall() time.Time { return c.store.clock.Wall() }

// Tick is for every try to connect: see clock.Clock.
func (c *Credentials) Tick() { c.store.clock.Tick() }

// Keys are the online keys that are believed now. The map must not be changed.
func (c *Credentials) Keys() protocol.PublicKeys {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys
}

// Update takes a key set that came by wire. It counts when the pinned root key
// signed it and its version is higher than the one in use; updated tells. An
// error that comes with updated means that the set is in use but could not be
// stored.
func (c *Credentials) Update(keySet []byte) (updated bool, err error) {
	version, keys, err := protocol.OpenKeySet(keySet, c.root)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if version <= c.version {
		return false, nil
	}
	c.version, c.keys = version, keys
	if c.store.dir == "" {
		return true, nil
	}
	return true, c.store.write(c.keySetFile, keySet)
}
