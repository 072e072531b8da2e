package mosquitto

import (
	"context"
	"errors"

	"github.com/galla-pay/galla/protocol"
)

// rolePrefix comes before the identity in a terminal's role. An identity holds
// no colon, so that no terminal can be named like another role.
const rolePrefix = "terminal:"

// maxToken bounds a token, in bytes, as the embedded broker does.
const maxToken = 128

// Provision lets the terminal log in with token, and with nothing else. It
// replaces whatever Mosquitto knew of the terminal, and ends a session that it
// has: a new token means that the old one is not to be trusted. Only its own
// topics are open to it.
//
// An error may mean that the terminal was provisioned all the same; call again.
func (d *DynSec) Provision(ctx context.Context, id protocol.Identity, token string) error {
	if !id.Valid() {
		return protocol.ErrIdentity
	}
	if token == "" || len(token) > maxToken {
		return errors.New("mosquitto: a token has 1 to 128 bytes")
	}
	name := rolePrefix + id.String()
	return d.repeat(ctx, func(ctx context.Context) error {
		_, err := d.run(ctx, append(removal(id),
			command{Command: "createRole", RoleName: name, ACLs: terminalAccess(id)},
			command{Command: "createClient", Username: id.String(), ClientID: id.String(), Password: token},
			command{Command: "addClientRole", Username: id.String(), RoleName: name})...)
		return err
	})
}

// Revoke forgets the terminal and cuts its session. It is no error if Mosquitto
// does not know it. Only nil means that the terminal is out; call again until then.
func (d *DynSec) Revoke(ctx context.Context, id protocol.Identity) error {
	if !id.Valid() {
		return protocol.ErrIdentity
	}
	return d.repeat(ctx, func(ctx context.Context) error {
		_, err := d.run(ctx, removal(id)...)
		return err
	})
}

// removal deletes the client first: that cuts its session.
func removal(id protocol.Identity) []command {
	return []command{
		{Command: "deleteClient", Username: id.String(), forgive: clientNotFound},
		{Command: "deleteRole", RoleName: rolePrefix + id.String(), forgive: roleNotFound},
	}
}

// terminalAccess is all that a terminal may do. Presence is for its last will.
func terminalAccess(id protocol.Identity) []access {
	return []access{
		{Type: "publishClientSend", Topic: protocol.ReportTopic(id), Allow: true},
		{Type: "publishClientSend", Topic: protocol.PresenceTopic(id), Allow: true},
		{Type: "publishClientReceive", Topic: protocol.CommandTopic(id), Allow: true},
		{Type: "subscribeLiteral", Topic: protocol.CommandTopic(id), Allow: true},
	}
}
