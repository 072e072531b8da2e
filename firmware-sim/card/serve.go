package card

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/cardlink"
)

// lineGap is the wait before a serial line is opened again.
const lineGap = time.Second

// Serve talks to the terminal that connects to listener, in the protocol of
// protocol/cardlink, until ctx ends; then it returns nil, and the listener is
// closed. A newer connection takes the place of an older one: that is what is left
// of a terminal that was switched off.
func (r *Reader) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	var before context.CancelFunc
	for {
		conn, err := listener.Accept()
		if err != nil {
			_ = listener.Close()
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if before != nil {
			before()
		}
		line, hangUp := context.WithCancel(ctx)
		before = hangUp
		all.Go(func() {
			defer hangUp()
			_ = r.Talk(line, conn) // why a line ended is the terminal's to say
		})
	}
}

// ServeLine talks to the terminal at the other end of a line that open opens, a
// serial one, and opens it again when it broke, until ctx ends. log is told why,
// once for as long as it stays so.
func (r *Reader) ServeLine(ctx context.Context, open cardlink.Opener, log *slog.Logger) error {
	said := ""
	for {
		line, err := open(ctx)
		if err == nil {
			err = r.Talk(ctx, line)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			log.Error("the line to the terminal", "err", err)
		}
		again := time.NewTimer(lineGap)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
	}
}

// Pipe is a terminal's driver of this reader over a line that has no ends to
// pull: the real adapter and every message of the written protocol, in memory. It
// is an agent.CardReader; close it when the terminal is gone.
func Pipe(r *Reader, log *slog.Logger) *Piped {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Piped{cancel: cancel}
	p.Reader = cardlink.New(cardlink.Config{Log: log, Open: func(context.Context) (io.ReadWriteCloser, error) {
		if ctx.Err() != nil {
			return nil, errors.New("the card reader's line is closed")
		}
		theirs, ours := net.Pipe()
		p.all.Go(func() { _ = r.Talk(ctx, ours) })
		return theirs, nil
	}})
	return p
}

// Piped is the driver that Pipe makes.
type Piped struct {
	*cardlink.Reader
	cancel context.CancelFunc
	all    sync.WaitGroup
}

// Close ends the line and every call under way; the reader stays as it is.
func (p *Piped) Close() error {
	err := p.Reader.Close()
	p.cancel()
	p.all.Wait()
	return err
}
