package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const (
	// againAfter is how long a child that died stays dead, mostDeaths how often one
	// may die.
	againAfter = time.Second
	mostDeaths = 5
	// endWithin is how long a child has from the word stop, or from the end of its
	// time, until it is killed: it checks every sale first.
	endWithin = 3 * time.Minute
)

// errDied says that a child ended without a last word.
var errDied = errors.New("a process of the fleet died")

// run runs the share to its end.
func (s *share) run(ctx context.Context) error {
	if s.command == nil {
		return s.runHere(ctx)
	}
	began := time.Now()
	for deaths := 0; ; {
		err := s.runChild(ctx)
		if !errors.Is(err, errDied) || ctx.Err() != nil {
			return err
		}
		s.mu.Lock()
		last := s.counts.clone()
		last.Terminals, last.Connected, last.Bytes, last.Goroutines = 0, 0, 0, 0
		last.Shown, last.Sales.Unchecked = 0, last.Sales.Paid // it took what has to be looked up with it
		s.lost.add(last)
		s.lost.fail("a process died", 1)
		s.counts, s.address, s.phase = Tally{}, "", phaseJoining
		s.mu.Unlock()
		s.log.Error("fleet", "error", err, "first", s.spec.First)
		if deaths++; deaths >= mostDeaths {
			return err
		}
		if s.spec.ForSeconds > 0 {
			left := s.spec.ForSeconds - time.Since(began).Seconds()
			s.spec.ForSeconds = max(left, 1)
		}
		select {
		case <-s.stop:
			return nil
		default:
			pause(ctx, againAfter)
		}
	}
}

// runHere runs the share in this process.
func (s *share) runHere(ctx context.Context) error {
	part, err := newPart(s.spec, s.log)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.part = part
	s.mu.Unlock()
	tally, err := part.Run(ctx, s.stop)
	s.mu.Lock()
	s.done = &tally
	s.mu.Unlock()
	return err
}

// runChild runs the share in one child. It returns errDied, wrapped, when the
// child ended before it said that it was done.
func (s *share) runChild(ctx context.Context) error {
	order, err := json.Marshal(s.spec)
	if err != nil {
		return err
	}
	var complaint bytes.Buffer
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.SysProcAttr = apart()
	cmd.Stderr = io.MultiWriter(s.errors, &tail{&complaint})
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(told)
		defer in.Close()
		if _, err := in.Write(append(order, '\n')); err != nil {
			return
		}
		select {
		case <-s.stop:
			_, _ = io.WriteString(in, wordStop+"\n")
		case <-ctx.Done():
			return
		case <-gone:
			return
		}
		limit := time.NewTimer(endWithin)
		defer limit.Stop()
		select {
		case <-limit.C:
			_ = cmd.Process.Kill()
		case <-ctx.Done():
		case <-gone:
		}
	}()
	done, heard := s.listen(out)
	close(gone)
	<-told
	ended := cmd.Wait()
	switch {
	case done == nil:
		return fmt.Errorf("%w: %v, %v: %s", errDied, ended, heard, bytes.TrimSpace(complaint.Bytes()))
	case done.Error != "":
		return errors.New(done.Error)
	}
	return nil
}

// listen takes in what a child says until it says no more; done is its last word,
// nil when there was none.
func (s *share) listen(out io.Reader) (done *said, err error) {
	for lines := json.NewDecoder(out); ; {
		var line said
		if err := lines.Decode(&line); err != nil {
			return done, err
		}
		s.mu.Lock()
		switch {
		case line.Listening != "":
			s.address = line.Listening
		case line.Counts != nil:
			s.phase, s.counts = line.Phase, *line.Counts
		case line.Done != nil:
			s.done, s.phase, done = line.Done, phaseDone, &line
		}
		s.mu.Unlock()
	}
}

// tailSize bounds what is kept of what a child says on its standard error.
const tailSize = 4 << 10

// tail keeps the end of what is written.
type tail struct{ b *bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	if over := t.b.Len() - tailSize; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}
