package mosquitto

import "context"

// Run has one command without arguments but a role carried out.
func (d *DynSec) Run(ctx context.Context, name, roleName string) error {
	return d.repeat(ctx, func(ctx context.Context) error {
		_, err := d.run(ctx, command{Command: name, RoleName: roleName})
		return err
	})
}

// AllowAll opens the broker to everybody. (mosquitto_ctrl 2.0.11 says that it
// does, and does not.)
func (d *DynSec) AllowAll(ctx context.Context) error {
	_, err := d.run(ctx, command{Command: "setDefaultACLAccess", ACLs: []access{
		{Type: "publishClientSend", Allow: true}, {Type: "publishClientReceive", Allow: true}, {Type: "subscribe", Allow: true},
	}})
	return err
}

// Answered is a message on the answers' topic.
func (d *DynSec) Answered(payload string) { d.answered([]byte(payload)) }
