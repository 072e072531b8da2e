package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// tellEvery is how often a child tells its counts.
const tellEvery = time.Second

// A child is told a Spec, one line of JSON on its standard input, and later the
// word stop, on a line; the input's end is its parent's end. It answers with lines
// of JSON, each a said.
const wordStop = "stop"

// said is a line of a child.
type said struct {
	// Listening is the address of its HTTP side; it is said once, first.
	Listening string `json:"listening,omitempty"`
	// Phase and Counts are said every second: the tally, without its samples.
	Phase  string `json:"phase,omitempty"`
	Counts *Tally `json:"counts,omitempty"`
	// Done is the whole tally; it is said last. Error is what went wrong.
	Done  *Tally `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}

// Child runs a part as its parent tells it on in, and answers on out. It returns
// when the part has ended, nothing of it being left, or why it could not begin.
func Child(ctx context.Context, in io.Reader, out io.Writer, log *slog.Logger) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no order: %w", err)
	}
	var spec Spec
	if err := json.Unmarshal(line, &spec); err != nil {
		return fmt.Errorf("an order that cannot be read: %w", err)
	}
	if err := errors.Join(spec.check()); err != nil {
		return err
	}
	if _, err := openFiles(); err != nil {
		return err
	}
	part, err := newPart(spec, log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	go func() { // ends with the input, which is the parent's to close
		word, err := lines.ReadString('\n')
		if err != nil || word != wordStop+"\n" {
			cancel()
			return
		}
		close(stop)
		if _, err := lines.ReadString('\n'); err != nil {
			cancel()
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	speaker := &speaker{out: json.NewEncoder(out)}
	if err := speaker.say(said{Listening: listener.Addr().String()}); err != nil {
		return err
	}
	beside, end := context.WithCancel(context.WithoutCancel(ctx))
	var helpers sync.WaitGroup
	helpers.Go(func() { _ = web.Serve(beside, listener, part.Handler()) })
	helpers.Go(func() { part.tellCounts(beside, speaker) })
	tally, err := part.Run(ctx, stop)
	end()
	helpers.Wait()
	last := said{Done: &tally}
	if err != nil {
		last.Error = err.Error()
	}
	return speaker.say(last)
}

// speaker says lines, one at a time.
type speaker struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (s *speaker) say(what said) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Encode(what)
}

// tellCounts tells the counts until ctx ends.
func (p *Part) tellCounts(ctx context.Context, s *speaker) {
	every := time.NewTicker(tellEvery)
	defer every.Stop()
	for {
		counts := p.Tally()
		counts.Connects, counts.Glass = nil, nil
		if s.say(said{Phase: p.Phase(), Counts: &counts}) != nil {
			return
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// share is the terminals of one part as the whole fleet sees them: in this
// process, or in a child's.
type share struct {
	spec    Spec
	command []string // of the child; nil: in this process
	log     *slog.Logger
	errors  io.Writer // what children say on their standard error
	stop    chan struct{}
	client  *http.Client

	mu      sync.Mutex
	part    *Part  // in this process
	address string // of the child's HTTP side
	phase   string
	counts  Tally // of the child that runs
	lost    Tally // of children that died
	done    *Tally
}

// tally is what is known of its counts.
func (s *share) tally() Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.lost.clone()
	switch {
	case s.done != nil:
		t.add(*s.done)
	case s.part != nil:
		t.add(s.part.Tally())
	default:
		t.add(s.counts)
	}
	t.Terminals = len(s.spec.Identities)
	return t
}

// Phase is what it is at.
func (s *share) Phase() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.part != nil {
		return s.part.Phase()
	}
	return s.phase
}

// serve answers a request about one of its terminals.
func (s *share) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	part, address := s.part, s.address
	s.mu.Unlock()
	switch {
	case part != nil:
		part.Handler().ServeHTTP(w, r)
	case address != "":
		toChild(address).ServeHTTP(w, r)
	default:
		web.Fail(w, http.StatusServiceUnavailable, web.CodeBusy, "its process is starting")
	}
}

// states are those of its terminals.
func (s *share) states(ctx context.Context) ([]State, error) {
	s.mu.Lock()
	part, address := s.part, s.address
	s.mu.Unlock()
	if part != nil {
		return part.states(), nil
	}
	if address == "" {
		return nil, errors.New("a process is starting")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/terminals", nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var states []State
	return states, json.NewDecoder(answer.Body).Decode(&states)
}
