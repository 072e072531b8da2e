package broker

import "sync"

// Reason says why the broker refused a socket, a login or a packet, or ended a
// session. The text is the value of a metric's label.
type Reason string

// Reasons before a login.
const (
	ReasonAddress     Reason = "address"     // too many sockets of this address have not logged in
	ReasonWaiting     Reason = "waiting"     // too many sockets have not logged in
	ReasonSilent      Reason = "silent"      // no whole CONNECT in time; later: nothing within 1.5 keep-alives
	ReasonTLS         Reason = "tls"         // the handshake failed; the client's certificate may be why
	ReasonGarbage     Reason = "garbage"     // not MQTT, or a malformed packet
	ReasonVersion     Reason = "version"     // not MQTT 3.1.1
	ReasonSize        Reason = "size"        // a CONNECT over 4 KiB; later: a message over 16 KiB
	ReasonIdentity    Reason = "identity"    // client id is not the user name, or not an identity
	ReasonSession     Reason = "session"     // a persistent session was asked for
	ReasonKeepAlive   Reason = "keep_alive"  // 0 or more than 120 s
	ReasonWill        Reason = "will"        // a last will that is foreign, retained, empty or of QoS 2
	ReasonCertificate Reason = "certificate" // the client's certificate is another's
	ReasonToken       Reason = "token"       // no token, or a wrong one
	ReasonUnknown     Reason = "unknown"     // the Authenticator could not tell
	ReasonFull        Reason = "full"        // MaxTerminals are logged in
	ReasonFlapping    Reason = "flapping"    // two holders of one token keep throwing each other out
	ReasonBusy        Reason = "busy"        // the session to be replaced did not end in time
	ReasonGone        Reason = "gone"        // hung up before it was its turn
	ReasonTurn        Reason = "turn"        // too many logged in at once: come back
	ReasonClosing     Reason = "closing"     // the broker is being closed
)

// Reasons after a login. ReasonSilent, ReasonGarbage and ReasonSize belong here too.
const (
	ReasonTopic     Reason = "topic"      // published to, or unsubscribed from, what is not its own
	ReasonFilter    Reason = "filter"     // subscribed to what is not its own
	ReasonRetain    Reason = "retain"     // published with the retain flag
	ReasonQoS       Reason = "qos"        // published with QoS 2
	ReasonPacket    Reason = "packet"     // a packet that a terminal has no reason to send
	ReasonStuck     Reason = "stuck"      // does not read or acknowledge its commands
	ReasonTakenOver Reason = "taken_over" // the same terminal logged in again
	ReasonKicked    Reason = "kicked"     // Kick
	ReasonPanic     Reason = "panic"      // a handler or the MQTT library panicked
)

// Reasons lists every Reason, so that metrics can show zeros.
func Reasons() []Reason {
	return []Reason{
		ReasonAddress, ReasonWaiting, ReasonSilent, ReasonTLS, ReasonGarbage, ReasonVersion, ReasonSize,
		ReasonIdentity, ReasonSession, ReasonKeepAlive, ReasonWill, ReasonCertificate, ReasonToken, ReasonUnknown,
		ReasonFull, ReasonFlapping, ReasonBusy, ReasonGone, ReasonTurn, ReasonClosing,
		ReasonTopic, ReasonFilter, ReasonRetain, ReasonQoS, ReasonPacket, ReasonStuck,
		ReasonTakenOver, ReasonKicked, ReasonPanic,
	}
}

// Stats is a snapshot of the broker's counters.
type Stats struct {
	Terminals int               // logged in now
	Waiting   int               // sockets open now that have not logged in
	Sockets   uint64            // accepted since start
	Logins    uint64            // logins since start
	Reports   uint64            // messages handed to OnReport since start, last wills included
	Commands  uint64            // messages handed to a connection by Publish since start
	Refused   map[Reason]uint64 // since start; reasons that never happened are absent
}

// counters are the parts of Stats that only rise.
type counters struct {
	mu       sync.Mutex
	sockets  uint64
	logins   uint64
	reports  uint64
	commands uint64
	refused  map[Reason]uint64
}

func (c *counters) add(n *uint64) {
	c.mu.Lock()
	*n++
	c.mu.Unlock()
}

func (c *counters) refuse(why Reason) {
	c.mu.Lock()
	c.refused[why]++
	c.mu.Unlock()
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	refused := make(map[Reason]uint64, len(c.refused))
	for why, n := range c.refused {
		refused[why] = n
	}
	return Stats{Sockets: c.sockets, Logins: c.logins, Reports: c.reports, Commands: c.commands, Refused: refused}
}
