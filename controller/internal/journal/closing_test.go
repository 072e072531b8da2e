package journal_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestFullQueueIsBusy(t *testing.T) {
	t.Parallel()
	memory := storagetest.NewMemory()
	seedTerminals(t, memory, "t1")
	m := &counter{}
	j, run := unstarted(t, journal.Config{Storage: memory, QueueLength: 3, Metrics: m})
	full := make(chan error)
	go func() {
		waitFor(t, "the queue to be full", func() bool { return j.Pending() == 3 })
		_, err := journal.Do(t.Context(), j, count("t1"))
		full <- err
		run()
	}()
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() {
			if _, err := journal.Do(t.Context(), j, count("t1")); err != nil {
				t.Error(err)
			}
		})
	}
	if err := <-full; !errors.Is(err, journal.ErrBusy) || m.full.Load() != 1 {
		t.Fatalf("the fourth = %v with %d counted, want ErrBusy", err, m.full.Load())
	}
	callers.Wait()
	if _, err := journal.Do(t.Context(), j, count("t1")); err != nil {
		t.Fatalf("there is room again, and Do = %v", err)
	}
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := storagetest.NewMemory()
		seedTerminals(t, memory, "t1")
		j, run := unstarted(t, journal.Config{Storage: memory, MaxBatch: 3})
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() {
				if _, err := journal.Do(t.Context(), j, count("t1")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- j.Close(t.Context()) }()
		synctest.Wait()
		if _, err := journal.Do(t.Context(), j, count("t1")); !errors.Is(err, journal.ErrClosed) {
			t.Fatalf("Do after Close = %v, want ErrClosed", err)
		}
		run()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		callers.Wait()
		if x, err := memory.Terminal(t.Context(), terminal("t1")); err != nil || x.Seq != 10 {
			t.Fatalf("%d were carried out, %v; want 10", x.Seq, err)
		}
	})
}

func TestRunEndsWithItsContextAndFinishesToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &scripted{Memory: storagetest.NewMemory(), before: func(int, decide.Needs) error {
			time.Sleep(time.Second)
			return nil
		}}
		seedTerminals(t, memory, "t1")
		j, err := journal.New(journal.Config{Storage: memory, MaxBatch: 1, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- j.Run(ctx) }()
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() {
				if _, err := journal.Do(t.Context(), j, count("t1")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		stop()
		synctest.Wait()
		if _, err := journal.Do(t.Context(), j, count("t1")); !errors.Is(err, journal.ErrClosed) {
			t.Fatalf("Do after the end = %v, want ErrClosed", err)
		}
		callers.Wait()
		if err := <-ended; err != nil || time.Since(began) != 3*time.Second {
			t.Fatalf("Run = %v after %v", err, time.Since(began))
		}
	})
}

func TestCloseGivesUpWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	memory := &stuckStorage{Memory: storagetest.NewMemory(), began: began}
	j, run := unstarted(t, journal.Config{Storage: memory})
	run()
	answered := make(chan error)
	go func() {
		_, err := journal.Do(t.Context(), j, count("t1"))
		answered <- err
	}()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Close = %v", err)
	}
	if err := <-answered; !errors.Is(err, journal.ErrUnavailable) {
		t.Fatalf("the decision that was given up = %v, want ErrUnavailable", err)
	}
}

func TestCallerThatGivesUpDoesNotUndo(t *testing.T) {
	t.Parallel()
	memory := storagetest.NewMemory()
	seedTerminals(t, memory, "t1")
	j, run := unstarted(t, journal.Config{Storage: memory})
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error)
	go func() {
		_, err := journal.Do(ctx, j, count("t1"))
		answered <- err
	}()
	waitFor(t, "it to be accepted", func() bool { return j.Pending() == 1 })
	cancel()
	if err := <-answered; !errors.Is(err, context.Canceled) {
		t.Fatalf("Do = %v", err)
	}
	if _, err := journal.Do(ctx, j, count("t1")); !errors.Is(err, context.Canceled) || j.Pending() != 1 {
		t.Fatalf("a context that has ended: Do = %v with %d accepted", err, j.Pending())
	}
	run()
	waitFor(t, "it to be carried out", func() bool { return j.Pending() == 0 })
	if x, err := memory.Terminal(t.Context(), terminal("t1")); err != nil || x.Seq != 1 {
		t.Fatalf("counted %d, %v; want 1", x.Seq, err)
	}
}

// stuckStorage never answers.
type stuckStorage struct {
	*storagetest.Memory
	began chan struct{}
}

func (s *stuckStorage) Apply(ctx context.Context, _ journal.BatchID, _ decide.Needs, _ func(decide.Snapshot) (decide.Changes, error)) error {
	close(s.began)
	<-ctx.Done()
	return fmt.Errorf("%w: %w", journal.ErrAway, ctx.Err())
}
