package protocol

import (
	"fmt"
	"strings"
)

// MaxMessage is the largest message, in bytes, that either side sends or
// accepts (DESIGN section 4).
const MaxMessage = 16 << 10

// Filters that a controller subscribes to on a broker outside its process.
// Terminals never use a wildcard.
const (
	ReportFilter   = topicPrefix + "+/" + reportLeaf
	PresenceFilter = topicPrefix + "+/" + presenceLeaf
)

const (
	topicPrefix  = "galla/v1/"
	commandLeaf  = "command"
	reportLeaf   = "report"
	presenceLeaf = "presence"
)

// CommandTopic is where the terminal reads: states and key sets.
func CommandTopic(id Identity) string { return topicPrefix + id.String() + "/" + commandLeaf }

// ReportTopic is where the terminal writes: syncs, reports, heartbeats.
func ReportTopic(id Identity) string { return topicPrefix + id.String() + "/" + reportLeaf }

// PresenceTopic is where the broker publishes the terminal's last will; the
// terminal itself never writes to it.
func PresenceTopic(id Identity) string { return topicPrefix + id.String() + "/" + presenceLeaf }

// ParseTopic splits a topic into its terminal and its leaf, "command",
// "report" or "presence". Anything else is an error.
func ParseTopic(topic string) (id Identity, leaf string, err error) {
	rest, ok := strings.CutPrefix(topic, topicPrefix)
	if !ok {
		return Identity{}, "", fmt.Errorf("topic %q does not begin with %s", topic, topicPrefix)
	}
	name, leaf, _ := strings.Cut(rest, "/")
	switch leaf {
	case commandLeaf, reportLeaf, presenceLeaf:
	default:
		return Identity{}, "", fmt.Errorf("topic %q is none of command, report, presence", topic)
	}
	if id, err = ParseIdentity(name); err != nil {
		return Identity{}, "", err
	}
	return id, leaf, nil
}
