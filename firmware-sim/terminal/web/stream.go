package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// KeepAlive is how long a stream is silent at most: a comment line is sent
// then, so that a page notices a dead connection.
const KeepAlive = 15 * time.Second

// writeLimit bounds one write to a stream. A page that takes nothing for that
// long is disconnected; it connects again by itself and gets the whole state.
const writeLimit = 10 * time.Second

// Stream is one page that listens: server-sent events.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// OpenStream begins a stream as the answer of a GET.
func OpenStream(w http.ResponseWriter) (*Stream, error) {
	s := &Stream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return s, s.flush("retry: 1000\n\n")
}

// Send pushes one event with v as its JSON.
func (s *Stream) Send(event string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("event %s: %w", event, err)
	}
	return s.flush(fmt.Sprintf("event: %s\ndata: %s\n\n", event, data))
}

// Ping sends a comment, which pages ignore.
func (s *Stream) Ping() error { return s.flush(": still here\n\n") }

func (s *Stream) flush(text string) error {
	err := s.control.SetWriteDeadline(time.Now().Add(writeLimit))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
