package upi

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// poller waits for sockets: epoll, level-triggered. It is for one goroutine.
type poller struct {
	fd     int
	events [256]syscall.EpollEvent
	coarse bool // the kernel has no epoll_pwait2 (before 5.11)
	woke   time.Time
}

// pace is how often it wakes up at most: what comes meanwhile is dealt with
// together, and so much later. To wake up costs as much as to send a request.
const pace = 200 * time.Microsecond

// event says what can be done with a socket. serial is what the socket was watched
// under: a number of a file that was closed may be another's already.
type event struct {
	fd            int
	serial        int32
	read, written bool
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &poller{fd: fd}, nil
}

func (p *poller) close() { _ = syscall.Close(p.fd) }

// watch tells of a socket when it can be read, or with writing also when it can be
// written. again: it is watched already.
func (p *poller) watch(fd int, serial int32, writing, again bool) error {
	e := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd), Pad: serial}
	if writing {
		e.Events |= syscall.EPOLLOUT
	}
	op := syscall.EPOLL_CTL_ADD
	if again {
		op = syscall.EPOLL_CTL_MOD
	}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(p.fd, op, fd, &e))
}

// sysEpollPwait2 has one number everywhere; its wait is in nanoseconds, where
// epoll_wait's is in milliseconds, of which a run at full rate has ten requests.
const sysEpollPwait2 = 441

// wait calls do for each socket that something can be done with, after so long at
// the latest.
func (p *poller) wait(limit time.Duration, do func(event)) error {
	if early := pace - time.Since(p.woke); early > 0 {
		sleep := syscall.NsecToTimespec(early.Nanoseconds())
		_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&sleep)), 0, 0) // a signal ends it early
		limit -= early
	}
	n, err := p.ask(max(limit, 0))
	p.woke = time.Now()
	if err == syscall.ENOSYS && !p.coarse {
		p.coarse = true
		n, err = p.ask(max(limit, 0))
	}
	if err == syscall.EINTR {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, e := range p.events[:n] {
		do(event{
			fd: int(e.Fd), serial: e.Pad,
			read:    e.Events&(syscall.EPOLLIN|syscall.EPOLLHUP|syscall.EPOLLERR) != 0,
			written: e.Events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0,
		})
	}
	return nil
}

func (p *poller) ask(limit time.Duration) (int, error) {
	if p.coarse {
		return syscall.EpollWait(p.fd, p.events[:], int((limit+time.Millisecond-1)/time.Millisecond))
	}
	at := syscall.NsecToTimespec(limit.Nanoseconds())
	// Raw: of an ordinary call of some milliseconds the runtime takes notice, and
	// finds another thread for whatever else could run meanwhile. That costs several
	// times what a request does. A garbage collection ends the wait by a signal.
	n, _, errno := syscall.RawSyscall6(sysEpollPwait2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)),
		uintptr(unsafe.Pointer(&at)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// dial begins a connection. It is there when the socket can be written and
// socketError says nil.
func dial(to syscall.Sockaddr) (fd int, err error) {
	family := syscall.AF_INET
	if _, six := to.(*syscall.SockaddrInet6); six {
		family = syscall.AF_INET6
	}
	fd, err = syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if err == nil {
		err = syscall.Connect(fd, to)
	}
	if err != nil && err != syscall.EINPROGRESS {
		_ = syscall.Close(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// socketError is what became of a connection that was begun.
func socketError(fd int) error {
	code, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if code != 0 {
		return syscall.Errno(code)
	}
	return nil
}
