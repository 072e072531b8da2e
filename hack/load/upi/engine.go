package upi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"time"
)

// engine sends schedules over its own keep-alive connections, one request at a time
// on each. It belongs to one goroutine, which does everything.
type engine struct {
	to       syscall.Sockaddr
	messages source
	// limit is how long a request waits, for a connection and for its answer,
	// counted from its moment in the schedule.
	limit time.Duration
	// most is how many connections there may be. A request that finds none free and
	// no room for another waits.
	most int
	// see gets the body of each answer; nil: nobody wants it.
	see func(body []byte)

	poll   *poller
	conns  []*conn // by file number
	free   []*conn // the one that was used last is used next
	open   int
	serial int32

	// Of the schedule that is being run.
	begin    time.Time
	waiting  []arrival // for a connection; the first is waiting[started]
	started  int
	sent     []sent // in the schedule's order; those before expired have ended
	expired  int
	ended    int
	tally    *tally
	scratch  []byte
	failures error // this program's own

	dispatching bool
}

// sent is a request on its way, for its limit.
type sent struct {
	on     *conn
	number int
	at     time.Duration
}

// newEngine makes one without connections.
func newEngine(target string, messages source, limit time.Duration, most int) (*engine, error) {
	addr, err := net.ResolveTCPAddr("tcp", target)
	if err != nil {
		return nil, err
	}
	to, err := sockaddr(addr.AddrPort())
	if err != nil {
		return nil, err
	}
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &engine{to: to, messages: messages, limit: limit, most: most, poll: poll}, nil
}

func sockaddr(addr netip.AddrPort) (syscall.Sockaddr, error) {
	ip := addr.Addr().Unmap()
	switch {
	case ip.Is4():
		return &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}, nil
	case ip.Is6() && ip.Zone() == "":
		return &syscall.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16()}, nil
	}
	return nil, fmt.Errorf("%s is no address", addr)
}

// close ends all connections. It may be called again.
func (e *engine) close() {
	if e.poll == nil {
		return
	}
	for _, c := range e.conns {
		if c != nil {
			e.drop(c)
		}
	}
	e.poll.close()
	e.poll = nil
}

// longestWait is how long the engine sleeps at most before it looks at ctx again.
const longestWait = 50 * time.Millisecond

// run sends a schedule and returns when each of its requests has its answer or has
// waited too long. The error is ctx's, or this program's own.
func (e *engine) run(ctx context.Context, plan []arrival) (*tally, error) {
	runtime.LockOSThread() // what a thread wakes up with, its core's cache, stays useful
	defer runtime.UnlockOSThread()
	e.tally = newTally(plan)
	e.waiting, e.started = make([]arrival, 0, len(plan)), 0
	e.sent, e.expired, e.ended = make([]sent, 0, len(plan)), 0, 0
	e.begin = time.Now()
	for next := 0; e.ended < len(plan); {
		if err := errors.Join(ctx.Err(), e.failures); err != nil {
			return nil, err
		}
		now := time.Since(e.begin)
		for ; next < len(plan) && plan[next].at <= now; next++ {
			e.waiting = append(e.waiting, plan[next])
			if e.dispatch(); e.started < len(e.waiting) {
				e.tally.waited++
			}
		}
		e.expire(now)
		wait := longestWait
		if next < len(plan) {
			wait = min(wait, plan[next].at-time.Since(e.begin))
		}
		if e.ended == len(plan) {
			break
		}
		if err := e.poll.wait(wait, e.handle); err != nil {
			return nil, err
		}
	}
	e.tally.finish(time.Since(e.begin))
	return e.tally, nil
}

// dispatch sends what waits, the oldest first, as far as there are connections.
func (e *engine) dispatch() {
	if e.dispatching {
		return // a connection broke while one was being started
	}
	e.dispatching = true
	defer func() { e.dispatching = false }()
	for e.started < len(e.waiting) {
		c := e.take()
		if c == nil {
			return
		}
		a := e.waiting[e.started]
		e.started++
		e.start(c, a)
	}
}

// take returns a connection that is free, or a new one, or nil.
func (e *engine) take() *conn {
	if n := len(e.free); n > 0 {
		c := e.free[n-1]
		e.free = e.free[:n-1]
		return c
	}
	if e.open >= e.most {
		return nil
	}
	fd, err := dial(e.to)
	if err != nil {
		// Out of files, or refused at once: whoever waits fails by it.
		return &conn{fd: -1}
	}
	e.serial++
	c := &conn{fd: fd, serial: e.serial, connecting: true}
	for len(e.conns) <= fd {
		e.conns = append(e.conns, nil)
	}
	e.conns[fd] = c
	e.open++
	e.tally.opened++
	if err := e.poll.watch(fd, c.serial, true, false); err != nil {
		e.failures = errors.Join(e.failures, err)
	}
	return c
}

// start sends a request on a connection that has none.
func (e *engine) start(c *conn, a arrival) {
	request, m, ok := e.messages.next(e.scratch[:0], a.kind)
	e.scratch = request
	switch {
	case !ok:
		e.fail(a, failPool)
		if c.fd >= 0 && !c.connecting {
			e.free = append(e.free, c)
		} else if c.fd >= 0 {
			c.spare = true
		}
		return
	case c.fd < 0:
		e.fail(a, failConnect)
		return
	}
	c.busy, c.spare, c.request, c.message = true, false, a, m
	c.number++
	e.sent = append(e.sent, sent{c, c.number, a.at})
	e.tally.late = append(e.tally.late, time.Since(e.begin)-a.at)
	if c.connecting {
		c.out = append(c.out[:0], request...)
		return
	}
	n, err := c.write(request)
	if err != nil {
		e.broken(c, failClosed)
		return
	}
	if n < len(request) {
		c.out = append(c.out[:0], request[n:]...)
		e.failures = errors.Join(e.failures, e.poll.watch(c.fd, c.serial, true, true))
	}
}

// handle does what can be done with a connection.
func (e *engine) handle(ev event) {
	if ev.fd >= len(e.conns) || e.conns[ev.fd] == nil || e.conns[ev.fd].serial != ev.serial {
		return
	}
	c := e.conns[ev.fd]
	if ev.written && (c.connecting || len(c.out) > 0) {
		if !e.flush(c) {
			return
		}
	}
	if ev.read && !c.connecting {
		e.read(c)
	}
}

// flush goes on with a connection that can be written; false: it is gone.
func (e *engine) flush(c *conn) bool {
	if c.connecting {
		if socketError(c.fd) != nil {
			e.broken(c, failConnect)
			return false
		}
		c.connecting = false
	}
	n, err := c.write(c.out)
	if err != nil {
		e.broken(c, failClosed)
		return false
	}
	if c.out = c.out[:copy(c.out, c.out[n:])]; len(c.out) == 0 {
		e.failures = errors.Join(e.failures, e.poll.watch(c.fd, c.serial, false, true))
	}
	if c.spare {
		c.spare = false
		e.free = append(e.free, c)
		e.dispatch()
	}
	return true
}

// read takes in what the server sent.
func (e *engine) read(c *conn) {
	closed, err := c.fill()
	if err != nil || closed && !c.busy || !c.busy && len(c.in) > 0 {
		// Idle for too long, or words that nobody asked for.
		e.broken(c, failClosed)
		return
	}
	if !c.busy {
		return
	}
	a, length, err := readAnswer(c.in)
	switch {
	case err != nil, length > 0 && length < len(c.in):
		e.broken(c, failGarbage)
		return
	case length == 0 && closed:
		e.broken(c, failClosed)
		return
	case length == 0:
		return
	}
	if e.see != nil {
		e.see(a.body)
	}
	why, got := a.judge(c.message, e.messages.signed())
	took := time.Since(e.begin) - c.request.at
	switch {
	case took > e.limit:
		e.fail(c.request, failLate)
	case why != "":
		e.fail(c.request, why)
	default:
		e.ended++
		e.tally.good(c.request.kind, took)
	}
	if why == "" && c.request.kind == validate {
		e.messages.got(got)
	}
	c.busy, c.in = false, c.in[:0]
	if a.close || closed {
		e.drop(c)
	} else {
		e.free = append(e.free, c)
	}
	e.dispatch()
}

// fail counts a request that was not answered 00.
func (e *engine) fail(a arrival, why string) {
	e.ended++
	e.tally.failed(a.kind, why, e.limit)
}

// broken ends a connection, and its request by that.
func (e *engine) broken(c *conn, why string) {
	if c.busy {
		c.busy = false
		e.fail(c.request, why)
	}
	e.drop(c)
	e.dispatch()
}

// drop closes a connection and forgets it.
func (e *engine) drop(c *conn) {
	for i, f := range e.free {
		if f == c {
			e.free = append(e.free[:i], e.free[i+1:]...)
			break
		}
	}
	e.conns[c.fd] = nil
	e.open--
	_ = syscall.Close(c.fd) // epoll forgets it as well
}

// expire gives up the requests that have waited for too long. The connection of one
// is closed with it: its answer, should it come, would be taken for the next one's.
func (e *engine) expire(now time.Duration) {
	for e.expired < len(e.sent) {
		s := e.sent[e.expired]
		if s.on.busy && s.on.number == s.number {
			if s.at+e.limit > now {
				break
			}
			e.broken(s.on, failLate)
		}
		e.expired++
	}
	for e.started < len(e.waiting) && e.waiting[e.started].at+e.limit <= now {
		e.fail(e.waiting[e.started], failLate)
		e.started++
	}
}
