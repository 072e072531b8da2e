package mqttlink

import (
	"context"
	"errors"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// probeTime is how long a message may take from us to us through a shared
// subscription. Until then everything is heard the plain way.
const probeTime = 2 * time.Second

// probeTopic is a topic that nobody but the connection of that name uses; no
// identity holds only one part. It lies where controllers may publish and
// subscribe anyhow.
func probeTopic(name string) string { return "galla/v1/probe-" + name + "/probe" }

// shared is the filter by which a group shares what a filter brings.
func (e *External) shared(filter string) string { return "$share/" + e.ShareGroup + "/" + filter }

// echo notes that the probe has come.
func (c *connection) echo() {
	select {
	case c.heard <- struct{}{}:
	default:
	}
}

// share goes over to shared subscriptions, where they deliver (DESIGN section
// 4): some brokers refuse them, and NATS takes them and delivers nothing. The
// plain subscriptions end after the shared ones have begun, so that nothing is
// missed; what comes by both is dropped by number.
func (e *External) share(ctx context.Context, c *connection) {
	err := e.probe(ctx, c)
	if err == nil {
		err = e.subscribe(ctx, c, e.shared(protocol.ReportFilter), e.shared(protocol.PresenceFilter))
	}
	if err != nil && !c.IsConnectionOpen() {
		// Where a broker ends a connection for what it does not let it do, the next
		// connection does not try it.
		select {
		case <-c.lost:
			e.wary = true
		case <-ctx.Done():
		}
		return
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		e.Log.Info("every controller hears every report", "broker", c.url, "because", err)
		return
	}
	if err := await(ctx, c.Unsubscribe(protocol.ReportFilter, protocol.PresenceFilter)); err != nil {
		e.Log.Warn("reports are shared, and heard the plain way too", "broker", c.url, "error", err)
		return
	}
	if e.left.Load() { // meanwhile
		_ = e.leave(ctx, c)
		return
	}
	c.shared.Store(true)
	e.Log.Info("controllers share the reports", "broker", c.url, "group", e.ShareGroup)
}

// errNotDelivered: the broker took a shared subscription and the message, and
// that was all.
var errNotDelivered = errors.New("the broker takes shared subscriptions and delivers nothing to them")

// probe sends itself a message through a shared subscription.
func (e *External) probe(ctx context.Context, c *connection) error {
	filter := e.shared(c.probe)
	if err := e.subscribe(ctx, c, filter); err != nil {
		return err
	}
	if err := await(ctx, c.Publish(c.probe, e.qos(), false, "probe")); err != nil {
		return err
	}
	var err error
	select {
	case <-c.heard:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(probeTime):
		err = errNotDelivered
	}
	return errors.Join(err, await(ctx, c.Unsubscribe(filter)))
}
