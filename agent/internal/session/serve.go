package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/galla-pay/galla/protocol"
)

const (
	// maxFacts bounds the facts of one report; the rest comes when they are
	// acknowledged.
	maxFacts = 64
	// maxSigned is what a message may measure, so that with its topic and the
	// MQTT header it stays below protocol.MaxMessage.
	maxSigned = protocol.MaxMessage - 512
)

var errNoPuback = errors.New("broker does not acknowledge")

// serve does the duties of a connection until it is lost.
func (l *link) serve(ctx context.Context) error {
	l.duties.begin(time.Now())
	wall := watchWall(l.s.cfg.Credentials.Wall())
	timer := time.NewTimer(0)
	defer timer.Stop()
	var (
		flight mqtt.Token // the message that the broker has not acknowledged
		landed <-chan struct{}
		since  time.Time
	)
	for {
		is, ask, confirm := l.s.standing()
		now := time.Now()
		if by := wall.jumped(l.s.cfg.Credentials.Wall()); by != 0 {
			l.s.cfg.Log.Warn("the wall clock has jumped", "by", by)
			l.duties.doubt()
		}
		l.duties.look(now, is, ask, confirm)
		wake := l.duties.next()
		if flight != nil {
			wake = since.Add(publishTimeout)
			if !now.Before(wake) {
				return errNoPuback
			}
		} else if t, ok := l.duties.due(now); ok {
			text, err := l.write(t, is)
			if err != nil {
				return err
			}
			flight = l.client.Publish(protocol.ReportTopic(l.s.cfg.Credentials.Identity), l.s.qos(), false, text)
			landed, since = flight.Done(), now
			l.duties.sent(now, t, is)
			continue
		}
		timer.Reset(time.Until(wake))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-l.lost:
			return err
		case <-landed:
			if err := flight.Error(); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
			flight, landed = nil, nil
		case <-l.inbound.signal:
			l.receive()
		case <-l.s.said:
		case <-timer.C:
		}
	}
}

// write makes and signs one message. Facts that do not fit wait.
func (l *link) write(t protocol.Type, is Standing) ([]byte, error) {
	key := l.s.cfg.Credentials.Key
	switch t {
	case protocol.TypePull:
		return key.Sign(protocol.PurposeUp, protocol.Pull{
			Header: l.header(t), Session: l.id, PullID: is.Pull.ID, ShortOrderID: is.Pull.ShortOrderID,
		})
	case protocol.TypeHeartbeat:
		return key.Sign(protocol.PurposeUp, protocol.Heartbeat{
			Header: l.header(t), Session: l.id, AckSeq: is.AckSeq, Mode: is.Mode,
		})
	}
	r := protocol.Report{
		Header:    l.header(t),
		Session:   l.id,
		Epoch:     is.Epoch,
		AckSeq:    is.AckSeq,
		Mode:      is.Mode,
		PaymentID: is.PaymentID,
	}
	if t == protocol.TypeSync {
		r.Nonce, r.Software, r.Panel = l.duties.nonce, l.s.cfg.Software, l.s.cfg.Panel
		r.Holds, r.Boot = is.Holds, l.s.boot
	}
	for n := min(len(is.Facts), maxFacts); ; n /= 2 {
		r.Facts = is.Facts[:n]
		text, err := key.Sign(protocol.PurposeUp, r)
		if err == nil && len(text) <= maxSigned || n == 0 {
			return text, err
		}
	}
}
