package mosquitto

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// The plug-in's topics: commands go to the first, answers come on the second,
// for every administrator to read. They hold no password.
const (
	commandTopic = "$CONTROL/dynamic-security/v1"
	answerTopic  = "$CONTROL/dynamic-security/v1/response"
)

// CommandError is the plug-in's refusal of one command.
type CommandError struct {
	Command string // such as createClient
	Message string // as Mosquitto puts it
}

func (e *CommandError) Error() string { return "mosquitto: " + e.Command + ": " + e.Message }

// What the plug-in says about things that are, or are not, there. There are no codes.
const (
	clientNotFound = "Client not found"
	roleNotFound   = "Role not found"
	clientExists   = "Client already exists"
	roleExists     = "Role already exists"
)

// says reports whether err is the plug-in's refusal with one of messages.
func says(err error, messages ...string) bool {
	var refused *CommandError
	if !errors.As(err, &refused) {
		return false
	}
	for _, m := range messages {
		if refused.Message == m {
			return true
		}
	}
	return false
}

// command is one command of the plug-in; which fields count depends on it.
//
// createClient could give roles at once, but Mosquitto 2.0.11 then forgets to note
// the client in the role, and crashes when that role is deleted. addClientRole
// does not have that fault.
type command struct {
	Command         string   `json:"command"`
	CorrelationData string   `json:"correlationData"`
	Username        string   `json:"username,omitempty"`
	ClientID        string   `json:"clientid,omitempty"`
	Password        string   `json:"password,omitempty"`
	RoleName        string   `json:"rolename,omitempty"`
	TextName        string   `json:"textname,omitempty"`
	ACLs            []access `json:"acls,omitempty"`

	// forgive is a refusal that is as good as success.
	forgive string
}

// role names a role that a client has.
type role struct {
	RoleName string `json:"rolename"`
}

// client is an account, as the plug-in describes it.
type client struct {
	Username string `json:"username"`
	Disabled bool   `json:"disabled"`
	Roles    []role `json:"roles"`
}

// access is one rule: of a role, or, without a topic, of everybody.
type access struct {
	Type     string `json:"acltype"`
	Topic    string `json:"topic,omitempty"`
	Priority int    `json:"priority,omitempty"`
	Allow    bool   `json:"allow"`
}

// answer is the plug-in's answer to one command.
type answer struct {
	Command         string `json:"command"`
	CorrelationData string `json:"correlationData"`
	Error           string `json:"error"`
	Data            struct {
		Client client `json:"client"`
		Role   struct {
			RoleName string   `json:"rolename"`
			ACLs     []access `json:"acls"`
		} `json:"role"`
		ACLs []access `json:"acls"`
	} `json:"data"`
}

// pending are calls that wait for their answers, by correlation data.
type pending struct {
	name string // sets our answers apart from other controllers'
	mu   sync.Mutex
	last uint64
	wait map[string]chan []answer
}

func (p *pending) add() (id string, answers chan []answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	id, answers = p.name+"-"+strconv.FormatUint(p.last, 10), make(chan []answer, 1)
	if p.wait == nil {
		p.wait = map[string]chan []answer{}
	}
	p.wait[id] = answers
	return id, answers
}

// take ends the wait for id; nil when nobody waits, as for an answer that
// comes twice or too late.
func (p *pending) take(id string) chan []answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	answers := p.wait[id]
	delete(p.wait, id)
	return answers
}

// answered takes a message of the plug-in to the call that waits for it.
func (d *DynSec) answered(payload []byte) {
	var message struct {
		Responses []answer `json:"responses"`
	}
	if err := json.Unmarshal(payload, &message); err != nil || len(message.Responses) == 0 {
		d.options.Log.Warn("mosquitto's dynamic security sent what is no answer", "error", err, "bytes", len(payload))
		return
	}
	if answers := d.pending.take(message.Responses[0].CorrelationData); answers != nil {
		answers <- message.Responses
	}
}

// run has commands carried out in one message and returns their answers. The
// broker works on a message without doing anything else in between. The first
// command that is refused is the error; those behind it were carried out all
// the same. errLost means that nobody knows.
func (d *DynSec) run(ctx context.Context, commands ...command) ([]answer, error) {
	l, err := d.usable(ctx)
	if err != nil {
		return nil, d.failed(commands, err)
	}
	id, answers := d.pending.add()
	defer d.pending.take(id)
	for i := range commands {
		commands[i].CorrelationData = id
	}
	payload, err := json.Marshal(map[string]any{"commands": commands})
	if err != nil {
		return nil, d.failed(commands, err)
	}
	// QoS 0: paho would keep and repeat a message of QoS 1 on the next
	// connection, and an old Provision could follow a later Revoke. Whether it
	// arrived, the answer says.
	d.client.Publish(commandTopic, 0, false, payload)

	var got []answer
	select {
	case got = <-answers:
	case <-l.down:
		return nil, d.failed(commands, errLost)
	case <-ctx.Done():
		return nil, d.failed(commands, fmt.Errorf("no answer: %w", ctx.Err()))
	}
	if len(got) != len(commands) {
		return nil, d.failed(commands, fmt.Errorf("%d answers to %d commands", len(got), len(commands)))
	}
	for i, a := range got {
		if a.Command != commands[i].Command {
			return nil, d.failed(commands, fmt.Errorf("answer %d is to %q", i+1, a.Command))
		}
	}
	for i, a := range got {
		if a.Error != "" && a.Error != commands[i].forgive {
			return got, &CommandError{Command: a.Command, Message: a.Error}
		}
	}
	return got, nil
}

// failed names the commands of a call whose outcome is not known.
func (d *DynSec) failed(commands []command, err error) error {
	name := commands[0].Command
	for _, c := range commands[1:] {
		name += "+" + c.Command
	}
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		err = ErrClosed
	}
	return fmt.Errorf("mosquitto: %s: %w", name, err)
}

// errMeanwhile: another controller did the same at the same time.
var errMeanwhile = errors.New("changed by somebody else meanwhile")

// repeat calls do until it ends otherwise than by a lost connection, or by
// somebody else's change. do must bear being carried out several times, or half.
func (d *DynSec) repeat(ctx context.Context, do func(context.Context) error) error {
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.options.Timeout)
		defer cancel()
	}
	for {
		err := do(ctx)
		if ctx.Err() != nil || !errors.Is(err, errLost) && !errors.Is(err, errMeanwhile) {
			return err
		}
	}
}
