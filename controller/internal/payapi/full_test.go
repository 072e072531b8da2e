package payapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

// TestFullQueue: while the journal's queue is full a POS is told at once to come
// again, and what it asked for is not kept; those who are in the queue are answered
// when their turn comes (DESIGN 3.1).
func TestFullQueue(t *testing.T) {
	t.Parallel()
	house := newDoor(t).House
	synctest.Test(t, func(t *testing.T) {
		memory := storagetest.NewMemory()
		if err := memory.Seed(t.Context(), merchant.Sandbox()); err != nil {
			t.Fatal(err)
		}
		j, err := journal.New(journal.Config{Storage: memory, QueueLength: 2, Log: house.Log})
		if err != nil {
			t.Fatal(err)
		}
		handler := newEngine(payapi.New(payapi.Config{
			Journal: j, Reader: house.Storage, Directory: house.Directory, LinkKey: house.LinkKey, OrgID: "MER101", Log: house.Log,
		}))
		send := func(id string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, signed(t, sample(map[string]any{"merchantTransactionId": id})))
			return w
		}
		answers := make(chan *httptest.ResponseRecorder, 2)
		for _, id := range []string{"FIRST", "SECOND"} {
			go func() { answers <- send(id) }()
			synctest.Wait()
		}
		for range 3 {
			if w := send("THIRD"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("one more is answered %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
		}
		ended := make(chan error, 1)
		go func() { ended <- j.Run(context.WithoutCancel(t.Context())) }()
		for range 2 {
			if w := <-answers; w.Code != http.StatusOK {
				t.Errorf("one in the queue is answered %d %s", w.Code, w.Body)
			}
		}
		if w := send("THIRD"); w.Code != http.StatusOK {
			t.Errorf("there is room again, and it is answered %d %s", w.Code, w.Body)
		}
		if err := j.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
