package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/session"
	"github.com/galla-pay/galla/agent/internal/spool"
	"github.com/galla-pay/galla/protocol"
)

// brokerLimit bounds connecting and the answer: both are tried again within it.
const brokerLimit = 15 * time.Second

// Round is a question to the controller through its broker.
type Round struct {
	Network
	Credentials *identity.Credentials
	Brokers     []string
	DataDir     string // of what the terminal holds; it says so truthfully
	Software    string
	Panel       string // kind
}

// Broker connects as the terminal, asks for its state and checks the answer's
// signature. What the terminal holds stays as it is: the question says what is on
// its disk, and the answer is not stored. round is called when it is time.
func Broker(round func() Round) Test {
	return Test{Name: "broker", Limit: brokerLimit + 5*time.Second, Run: func(ctx context.Context) Finding { return round().run(ctx) }}
}

func (r Round) run(ctx context.Context) Finding {
	standing, err := r.standing()
	if err != nil {
		return bad("the terminal reports it, and begins a new one: start galla-agent", "%s", oneLine(err))
	}
	trouble := &lastWords{}
	link, err := session.New(session.Config{
		Credentials: r.Credentials,
		Brokers:     r.Brokers,
		Software:    r.Software,
		Panel:       r.Panel,
		Dial:        r.Dial,
		Log:         slog.New(trouble),
	})
	if err != nil {
		return bad("correct brokers in the configuration", "%s", oneLine(err))
	}
	link.Tell(standing, false)
	ctx, cancel := context.WithTimeout(ctx, brokerLimit)
	defer cancel()
	ended := make(chan struct{})
	begun := time.Now()
	go func() { defer close(ended); link.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	up := false
	for {
		select {
		case <-link.News():
		case <-ctx.Done():
			if up {
				return bad("the broker answers and the controller does not: ask whoever runs it", "no signed answer for %v%s", brokerLimit, trouble.say())
			}
			return bad(reach, "no connection for %v%s", brokerLimit, trouble.say())
		}
		for _, ev := range link.Take() {
			switch ev := ev.(type) {
			case session.Up:
				up = true
				begun = time.Now()
			case session.State:
				if !ev.Answer {
					continue
				}
				took := time.Since(begun)
				f := good("connected, signed answer after %v", roundUp(took))
				f.Took = took
				return f
			}
		}
	}
}

// standing is what the terminal's disk says of it, read from a copy: a look at it
// must change nothing.
func (r Round) standing() (session.Standing, error) {
	s := spool.InMemory()
	text, err := os.ReadFile(filepath.Join(r.DataDir, spoolFile))
	switch {
	case errors.Is(err, fs.ErrNotExist): // it has never run
	case err != nil:
		return session.Standing{}, err
	default:
		dir, err := os.MkdirTemp("", "galla-doctor-*")
		if err != nil {
			return session.Standing{}, err
		}
		defer os.RemoveAll(dir)
		copied := filepath.Join(dir, spoolFile)
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			return session.Standing{}, err
		}
		if s, err = spool.Open(copied); err != nil {
			return session.Standing{}, err
		}
		defer s.Close()
		if s.MovedAside() != "" {
			return session.Standing{}, fmt.Errorf("%s cannot be read: what was not reported is lost", filepath.Join(r.DataDir, spoolFile))
		}
	}
	return session.Standing{
		Epoch:  s.Epoch(),
		AckSeq: s.Memory().Seq,
		Mode:   protocol.ModeTesting,
		Facts:  s.Facts(),
		Holds:  s.Memory().Sale.PaymentID,
	}, nil
}

// lastWords keeps the last thing that a session complained about.
type lastWords struct {
	mu   sync.Mutex
	text string
}

var _ slog.Handler = (*lastWords)(nil)

// Enabled implements slog.Handler.
func (l *lastWords) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler.
func (l *lastWords) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" || a.Key == "what" {
			l.text = a.Value.String()
		}
		return true
	})
	return nil
}

// WithAttrs implements slog.Handler.
func (l *lastWords) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *lastWords) WithGroup(string) slog.Handler { return l }

// say is what to add to a finding; empty where nothing was complained about.
func (l *lastWords) say() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == "" {
		return ""
	}
	text := l.text
	if kinds, counted := strings.CutPrefix(text, "map["); counted { // of complaints, each with its count
		text = strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(kinds, "]"), "0123456789"), ":")
	}
	return ": " + strings.ReplaceAll(text, "\n", "; ")
}
