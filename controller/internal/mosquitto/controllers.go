package mosquitto

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/galla-pay/galla/protocol"
)

// controllerRole is the role of every controller's account.
const controllerRole = "galla-controller"

// ShareGroup is the group that controllers may share reports in, as
// $share/{ShareGroup}/{filter} (DESIGN section 4).
const ShareGroup = "galla"

// allTopics is every topic of the terminal protocol.
const allTopics = "galla/v1/#"

// everybody is what clients may do where no role speaks: nothing, but to end
// subscriptions.
func everybody() []access {
	return []access{
		{Type: "publishClientSend", Allow: false},
		{Type: "publishClientReceive", Allow: false},
		{Type: "subscribe", Allow: false},
		{Type: "unsubscribe", Allow: true},
	}
}

// controllerAccess is all that a controller needs: everything of Galla's, plain
// and shared.
func controllerAccess() []access {
	return []access{
		{Type: "publishClientSend", Topic: allTopics, Allow: true},
		{Type: "publishClientReceive", Topic: allTopics, Allow: true},
		{Type: "subscribePattern", Topic: allTopics, Allow: true},
		{Type: "subscribePattern", Topic: "$share/" + ShareGroup + "/" + allTopics, Allow: true},
	}
}

// EnsureDefaults denies everybody whatever no role allows. Mosquitto's own
// default lets every client receive every message that it is subscribed to.
func (d *DynSec) EnsureDefaults(ctx context.Context) error {
	return d.repeat(ctx, func(ctx context.Context) error {
		got, err := d.run(ctx, command{Command: "getDefaultACLAccess"})
		if err != nil || sameAccess(got[0].Data.ACLs, everybody()) {
			return err
		}
		_, err = d.run(ctx, command{Command: "setDefaultACLAccess", ACLs: everybody()})
		return err
	})
}

// EnsureController lets controllers log in as username with password and gives
// them their topics. It may be an account that is there, such as the one that d
// itself uses; its other roles stay. What is right already is left alone, since
// Mosquitto cuts everybody who is logged in with an account that it changes.
func (d *DynSec) EnsureController(ctx context.Context, username, password string) error {
	if username == "" || password == "" {
		return errors.New("mosquitto: a controller needs a username and a password")
	}
	if _, err := protocol.ParseIdentity(username); err == nil {
		return errors.New("mosquitto: a controller's username must not look like a terminal's identity")
	}
	return d.repeat(ctx, func(ctx context.Context) error {
		if err := d.ensureRole(ctx); err != nil {
			return err
		}
		got, err := d.run(ctx, command{Command: "getClient", Username: username})
		if says(err, clientNotFound) {
			_, err = d.run(ctx,
				command{Command: "createClient", Username: username, Password: password},
				command{Command: "addClientRole", Username: username, RoleName: controllerRole})
			if says(err, clientExists) {
				return errMeanwhile
			}
			return err
		}
		if err != nil {
			return err
		}
		return d.ensureAccount(ctx, got[0].Data.Client, password)
	})
}

// ensureAccount changes what is wrong with an account that is there.
func (d *DynSec) ensureAccount(ctx context.Context, c client, password string) error {
	var commands []command
	if c.Disabled {
		commands = append(commands, command{Command: "enableClient", Username: c.Username})
	}
	if !slices.ContainsFunc(c.Roles, func(r role) bool { return r.RoleName == controllerRole }) {
		commands = append(commands, command{Command: "addClientRole", Username: c.Username, RoleName: controllerRole})
	}
	// The password can be tried, not read.
	right, err := d.accepts(ctx, c.Username, password)
	if err != nil {
		return err
	}
	if !right {
		commands = append(commands, command{Command: "setClientPassword", Username: c.Username, Password: password})
	}
	if len(commands) == 0 {
		return nil
	}
	_, err = d.run(ctx, commands...)
	return err
}

// ensureRole makes the controllers' role what controllerAccess says.
func (d *DynSec) ensureRole(ctx context.Context) error {
	got, err := d.run(ctx, command{Command: "getRole", RoleName: controllerRole})
	switch {
	case says(err, roleNotFound):
		_, err = d.run(ctx, command{Command: "createRole", RoleName: controllerRole, ACLs: controllerAccess()})
		if says(err, roleExists) {
			return errMeanwhile
		}
		return err
	case err != nil:
		return err
	case sameAccess(got[0].Data.Role.ACLs, controllerAccess()):
		return nil
	}
	_, err = d.run(ctx, command{Command: "modifyRole", RoleName: controllerRole, ACLs: controllerAccess()})
	return err
}

// sameAccess compares rules in any order.
func sameAccess(a, b []access) bool {
	order := func(a, b access) int {
		if c := strings.Compare(a.Type, b.Type); c != 0 {
			return c
		}
		return strings.Compare(a.Topic, b.Topic)
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, order)
	slices.SortFunc(b, order)
	return slices.Equal(a, b)
}
