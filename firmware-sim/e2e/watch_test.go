package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// watcher remembers everything that a terminal has said since it was started, so
// that no session depends on looking in time: a result is on the glass for
// seconds, and a machine can stand still for longer.
//
// Sessions go through it in one direction. What they wait for is looked for from
// where the last thing was found that they waited for; a key, a card or a switch
// moves that on.
type watcher struct {
	url string
	end context.CancelFunc

	mu    sync.Mutex
	seen  []sighting
	news  chan struct{} // closed when there is more
	found int           // index of what the session last waited for
}

// sighting is one state of a terminal. What only counts time is not another.
type sighting struct {
	seen
	at    time.Time
	text  string
	index int // in what the terminal has said
}

func (s sighting) String() string {
	return fmt.Sprintf("%s %s %s", s.at.Format("15:04:05.000"), s.Mode, s.text)
}

// watch begins to listen to a terminal's events.
func watch(url string) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{url: url, end: cancel, news: make(chan struct{})}
	go func() {
		again := time.NewTicker(50 * time.Millisecond)
		defer again.Stop()
		for ctx.Err() == nil {
			w.listen(ctx)
			select {
			case <-again.C:
			case <-ctx.Done():
			}
		}
	}()
	return w
}

// listen reads server-sent events until the connection breaks.
func (w *watcher) listen(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/events", nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer response.Body.Close()
	state := false
	for lines := bufio.NewReaderSize(response.Body, 64<<10); ; {
		line, err := lines.ReadSlice('\n')
		for err == bufio.ErrBufferFull { // a picture
			state = false
			line, err = lines.ReadSlice('\n')
		}
		if err != nil {
			return
		}
		if event, is := bytes.CutPrefix(line, []byte("event: ")); is {
			state = string(bytes.TrimSpace(event)) == "state"
		} else if data, is := bytes.CutPrefix(line, []byte("data: ")); is && state {
			w.note(data)
		}
	}
}

func (w *watcher) note(data []byte) {
	s := sighting{at: time.Now()}
	if json.Unmarshal(data, &s.seen) != nil {
		return
	}
	var facts map[string]any
	if json.Unmarshal(data, &facts) == nil {
		for _, key := range []string{"sinceMs", "leftMs", "lamp", "text", "mode", "sound", "language", "lastPaise"} {
			delete(facts, key)
		}
		text, _ := json.Marshal(said(facts))
		s.text = string(text)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.seen); n > 0 && w.seen[n-1].Mode == s.Mode && w.seen[n-1].text == s.text {
		return
	}
	w.add(s)
}

// said drops what is empty.
func said(facts map[string]any) map[string]any {
	for key, value := range facts {
		switch value := value.(type) {
		case map[string]any:
			if len(said(value)) == 0 {
				delete(facts, key)
			}
		case []any:
			if len(value) == 0 {
				delete(facts, key)
			}
		case nil, bool, string, float64:
			if value == nil || value == false || value == "" || value == "0" || value == 0.0 {
				delete(facts, key)
			}
		}
	}
	return facts
}

// moves goes on to what the terminal says now: something is about to be done to it.
func (w *watcher) moves() {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = max(w.found, now)
}

// add is called with the lock held.
func (w *watcher) add(s sighting) {
	s.index = len(w.seen)
	w.seen = append(w.seen, s)
	close(w.news)
	w.news = make(chan struct{})
}

// gone notes that the terminal's process was killed. What the session waits for
// must come after it.
func (w *watcher) gone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(sighting{seen: seen{Mode: "killed"}, at: time.Now()})
	w.found = len(w.seen) - 1
}

// from is everything from an index on, and a channel that is closed when there is
// more.
func (w *watcher) from(index int) ([]sighting, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen[min(index, len(w.seen)):]), w.news
}

// now is the index of what the terminal said last, or of what it will say first.
func (w *watcher) now() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(0, len(w.seen)-1)
}

// await waits until the terminal says, or has said since the session last found
// what it waited for, what is wanted.
func (w *watcher) await(ts *testscript.TestScript, tm *terminal, what string, is func(seen) bool) sighting {
	w.mu.Lock()
	next := w.found
	w.mu.Unlock()
	return w.awaitFrom(ts, tm, next, what, is)
}

func (w *watcher) awaitFrom(ts *testscript.TestScript, tm *terminal, next int, what string, is func(seen) bool) sighting {
	began, over := time.Now(), time.NewTimer(patience)
	defer over.Stop()
	for {
		said, news := w.from(next)
		for _, s := range said {
			if is(s.seen) {
				w.mu.Lock()
				w.found = s.index
				w.mu.Unlock()
				ts.Logf("%s: after %v", what, time.Since(began).Round(time.Millisecond))
				return s
			}
		}
		next += len(said)
		select {
		case <-news:
		case <-tm.done:
			ts.Fatalf("%s: the process ended:\n%s", what, tm.out.tail())
		case <-over.C:
			ts.Fatalf("%s: not within %v; it said:\n%s", what, patience, w.lately())
		}
	}
}

// lately is what the terminal said last, for the failure report.
func (w *watcher) lately() string {
	said, _ := w.from(0)
	var text strings.Builder
	for _, s := range said[max(0, len(said)-tailLines):] {
		fmt.Fprintln(&text, s)
	}
	return text.String()
}

// awaitCommand: await NAME condition... waits until the terminal says so, or has
// said so since the session last found what it waited for. How long it took is in
// the log.
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await NAME condition...")
	}
	tm := of(ts).terminal(ts, args[0])
	tm.watcher.await(ts, tm, "await "+strings.Join(args, " "), func(s seen) bool { return s.matches(ts, args[1:]) })
}

// looking is for how long never and stays look, while whatever was sent has long
// arrived: a positive event must have been awaited before and after it.
const looking = 2 * time.Second

// lookOn is what a terminal says for a while, from now on.
func lookOn(ts *testscript.TestScript, name string) []sighting {
	tm := of(ts).terminal(ts, name)
	now := tm.watcher.now()
	select {
	case <-time.After(looking):
	case <-tm.done:
		ts.Fatalf("%s: the process ended:\n%s", name, tm.out.tail())
	}
	said, _ := tm.watcher.from(now)
	return said
}

// neverCommand: never NAME condition... looks on for a while, and the terminal
// never says so.
func neverCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: never NAME condition...")
	}
	for _, s := range lookOn(ts, args[0]) {
		if s.matches(ts, args[1:]) {
			ts.Fatalf("never %v, and yet: %s", args, s)
		}
	}
}

// staysCommand: stays NAME condition... looks on for a while, and the terminal
// says nothing else.
func staysCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: stays NAME condition...")
	}
	said := lookOn(ts, args[0])
	for _, s := range said {
		if !s.matches(ts, args[1:]) {
			ts.Fatalf("stays %v, and yet: %s", args, s)
		}
	}
	if len(said) == 0 {
		ts.Fatalf("%s says nothing", args[0])
	}
}

// timesCommand: times NAME N|N+ condition... counts how often the terminal began to
// say so since it was started: N times, or at least.
func timesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: times NAME N condition...")
	}
	w := of(ts).terminal(ts, args[0]).watcher
	said, _ := w.from(0)
	times, before := 0, false
	for _, s := range said {
		now := s.matches(ts, args[2:])
		if now && !before {
			times++
		}
		before = now
	}
	text, atLeast := strings.CutSuffix(args[1], "+")
	if want := count(ts, text); times < want || times > want && !atLeast {
		ts.Fatalf("%d times %v; it said:\n%s", times, args[2:], w.lately())
	}
}
