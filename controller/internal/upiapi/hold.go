package upiapi

import (
	"bytes"
	"container/heap"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

const (
	// maxHeld is how many messages are held at once. One more is answered busy.
	maxHeld = 20_000
	// answerers is how many held messages are answered at the same time.
	answerers = 64
	// retryAfter is how long the holder waits when a decision could not be made.
	retryAfter = 200 * time.Millisecond
	// writeTime bounds the writing of a held answer.
	writeTime = 10 * time.Second
)

// holder keeps messages whose answer is due later (PRD 5.3). What it keeps is the
// sender's socket and what the answer is made of: the request's goroutine, its
// buffers and everything of the database are given back at once. The truth is in
// the database: should all of this be lost, the sweeper ends the wait and the
// sender asks ReqChkTxn.
type holder struct {
	cfg  Config
	wake chan struct{}

	mu   sync.Mutex
	due  heldQueue
	over bool // run has ended: nothing is kept any more
}

// held is one message that waits. conn is the sender's socket; where a protocol
// does not give it up (HTTP/2), reply takes the answer to the waiting handler.
type held struct {
	at    time.Time
	blank upixml.RespPay
	hold  decide.Hold
	plain bool   // the answer is not signed
	named string // its X-Request-Id
	began time.Time
	wait  time.Duration // on purpose
	conn  net.Conn
	reply chan []byte
}

func newHolder(c Config) *holder { return &holder{cfg: c, wake: make(chan struct{}, 1)} }

// room reports whether one more may be held.
func (h *holder) room() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.due) < maxHeld
}

// hold keeps a message until its answer is due.
func (a *API) hold(c *gin.Context, began time.Time, req upixml.ReqPay, d decide.Pay, answer decide.PayAnswer) {
	wait := answer.HeldUntil.Sub(answer.Now)
	m := &held{
		at: time.Now().Add(wait), blank: a.blankPay(req), plain: c.GetBool(unsignedKey), named: c.GetString("requestId"), began: began, wait: wait,
		hold: decide.Hold{TxnKey: decide.TxnKey{OrgID: d.OrgID, TxnID: d.TxnID}, PaymentID: answer.PaymentID, Token: d.Token},
	}
	if conn, given := socket(c); given {
		_ = conn.SetDeadline(time.Time{}) // the server's limits are for requests that it answers itself
		m.conn = conn
		if !a.holder.keep(m) {
			_ = conn.Close()
		}
		return
	}
	m.reply = make(chan []byte, 1)
	if !a.holder.keep(m) {
		c.Status(http.StatusServiceUnavailable)
		return
	}
	select {
	case body := <-m.reply:
		c.Data(http.StatusOK, contentType, body)
	case <-c.Request.Context().Done(): // the sender is gone; the wait ends all the same
	}
}

// socket takes the sender's socket over, where its protocol gives it up.
func socket(c *gin.Context) (net.Conn, bool) {
	var under http.ResponseWriter = c.Writer
	for {
		wrapped, is := under.(interface{ Unwrap() http.ResponseWriter })
		if !is {
			break
		}
		under = wrapped.Unwrap()
	}
	if _, can := under.(http.Hijacker); !can { // gin's own would panic
		return nil, false
	}
	conn, _, err := c.Writer.Hijack()
	return conn, err == nil
}

func (h *holder) keep(m *held) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return false
	}
	heap.Push(&h.due, m)
	h.cfg.Metrics.UPIHeld(len(h.due))
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return true
}

// next takes a message whose answer is due, or says how long until the first is.
func (h *holder) next() (m *held, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.due) == 0 {
		return nil, time.Hour
	}
	if wait = time.Until(h.due[0].at); wait > 0 {
		return nil, wait
	}
	m = heap.Pop(&h.due).(*held)
	h.cfg.Metrics.UPIHeld(len(h.due))
	return m, 0
}

// run answers what is due until ctx ends.
func (h *holder) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	free := make(chan struct{}, answerers)
	var answering sync.WaitGroup
	defer h.drop()
	defer answering.Wait()
	for {
		m, wait := h.next()
		if m == nil {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-h.wake:
			case <-timer.C:
			}
			continue
		}
		select {
		case <-ctx.Done():
			m.end()
			return
		case free <- struct{}{}:
		}
		answering.Go(func() {
			defer func() { <-free }()
			h.answer(ctx, m)
		})
	}
}

// answer ends the wait and writes the answer; it keeps the message where the time
// is not up by the database's clock, or the decision cannot be made now.
func (h *holder) answer(ctx context.Context, m *held) {
	d := h.cfg.Timeout.End(m.hold)
	d.Render = func(p decide.PayAnswer) []byte { return renderPay(m.blank, "", p) }
	answer, err := journal.Do(ctx, h.cfg.Journal, d)
	switch {
	case ctx.Err() != nil:
		m.end()
		return
	case err != nil:
		h.cfg.Log.Warn("a held payment could not be ended; it will be tried again", "error", err)
		m.at = time.Now().Add(retryAfter)
	case !answer.HeldUntil.IsZero():
		m.at = time.Now().Add(max(time.Millisecond, answer.HeldUntil.Sub(answer.Now)))
	default:
		h.write(m, answer.Body)
		return
	}
	if !h.keep(m) {
		m.end()
	}
}

func (h *holder) write(m *held, body []byte) {
	defer m.end()
	h.cfg.Metrics.UPIResult(decide.ResultTimeout)
	h.cfg.Metrics.UPIAnswered("ReqPay", string(decide.CodeOK), time.Since(m.began)-m.wait)
	h.cfg.traced("ReqPay", decide.CodeOK, m.hold.PaymentID, m.began)
	if h.cfg.Sign != nil && !m.plain {
		signed, err := h.cfg.Sign(body)
		if err != nil {
			h.cfg.Log.Error("a held answer could not be signed", "error", err)
			return
		}
		body = signed
	}
	if m.conn == nil {
		m.reply <- body
		return
	}
	_ = m.conn.SetWriteDeadline(time.Now().Add(writeTime))
	response := http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Close: true, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {contentType}, "Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body:   io.NopCloser(bytes.NewReader(body)),
	}
	if m.named != "" {
		response.Header.Set("X-Request-Id", m.named)
	}
	if err := response.Write(m.conn); err != nil {
		h.cfg.Log.Info("the sender of a held payment is gone", "error", err)
	}
}

// end lets the sender go.
func (m *held) end() {
	if m.conn != nil {
		_ = m.conn.Close()
	}
}

// drop lets go of all who still wait.
func (h *holder) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	for _, m := range h.due {
		m.end()
	}
	h.due = nil
	h.cfg.Metrics.UPIHeld(0)
}

// heldQueue is a heap, the first that is due on top.
type heldQueue []*held

func (q heldQueue) Len() int           { return len(q) }
func (q heldQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q heldQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *heldQueue) Push(m any)        { *q = append(*q, m.(*held)) }
func (q *heldQueue) Pop() any {
	old := *q
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return m
}
