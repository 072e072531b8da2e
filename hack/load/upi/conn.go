package upi

import (
	"syscall"
)

// conn is a connection. It is the engine's alone.
type conn struct {
	fd         int
	serial     int32 // unlike that of every other, where file numbers come again
	connecting bool
	spare      bool // it is connecting for nobody

	busy    bool // it has a request
	number  int  // of its requests
	request arrival
	message message

	out []byte // what could not be sent yet
	in  []byte // of the answer
}

// write sends as much as it can.
func (c *conn) write(data []byte) (n int, err error) {
	for n < len(data) {
		m, err := syscall.Write(c.fd, data[n:])
		switch err {
		case nil:
			n += m
		case syscall.EINTR:
		case syscall.EAGAIN:
			return n, nil
		default:
			return n, err
		}
	}
	return n, nil
}

// fill reads what is there. closed: the server sends no more.
func (c *conn) fill() (closed bool, err error) {
	for {
		if len(c.in) == cap(c.in) {
			if cap(c.in) >= maxAnswer {
				return false, nil // it is judged too long
			}
			c.in = append(make([]byte, 0, max(2048, 2*cap(c.in))), c.in...)
		}
		n, err := syscall.Read(c.fd, c.in[len(c.in):cap(c.in)])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false, nil
		case err != nil:
			return false, err
		case n == 0:
			return true, nil
		}
		c.in = c.in[:len(c.in)+n]
		if len(c.in) < cap(c.in) {
			return false, nil // there may be more, and then there is another event
		}
	}
}
