package terminal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// restartAfter is how long an agent that gave up stays down.
const restartAfter = 2 * time.Second

// run is the terminal's computer while it has power: it starts the agent, and
// starts it again when it gives up.
func (t *Terminal) run(ctx context.Context, boot uint64) {
	for {
		err := t.runAgent(ctx, boot)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the agent ended by itself")
		}
		t.cfg.Log.Error("agent gave up", "error", err, "restart", restartAfter)
		t.hear(boot, agent.Status{Mode: protocol.ModeFault, Reason: err.Error(), Since: time.Now()})
		wait := time.NewTimer(restartAfter)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		t.mu.Lock()
		t.newKeys()
		t.mu.Unlock()
	}
}

func (t *Terminal) runAgent(ctx context.Context, boot uint64) error {
	// Closed by the time Run is back, so that the next driver can connect.
	defer t.glass.close()
	panel, err := t.glass.open()
	if err != nil {
		return fmt.Errorf("open the panel: %w", err)
	}
	w, unwire, err := t.attach()
	if err != nil {
		return fmt.Errorf("what stands beside the panel: %w", err)
	}
	defer unwire()
	hardware := agent.Hardware{Panel: panel, Kind: t.glass.kind, Keys: t.hardwareKeys()}
	if t.reader != nil {
		hardware.Card = t.reader
	}
	if t.second != nil {
		defer t.second.close()
		if companion, err := t.second.open(); err != nil {
			t.cfg.Log.Error("companion panel", "err", err) // stops no payment
		} else {
			hardware.Companion, hardware.CompanionKind = companion, t.second.kind
		}
	}
	status, quiet := t.conduct(boot, w)
	defer quiet()
	return agent.Run(ctx, agent.Config{
		Identity:   t.cfg.Identity,
		Controller: t.cfg.Controller,
		Brokers:    t.cfg.Brokers,
		DataDir:    t.cfg.DataDir,
		Enrol:      true,
		Software:   t.cfg.Software,
		Dial:       t.network.Dial,
		Wall:       t.wall.Now,
		Status:     status,
		Log:        t.cfg.Log,
	}, hardware)
}
