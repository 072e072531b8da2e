package cardlink

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// speeds are those of a serial line here, from the protocol's least upward.
func speeds() map[int]uint32 {
	return map[int]uint32{
		9600: unix.B9600, 19_200: unix.B19200, 38_400: unix.B38400, 57_600: unix.B57600,
		115_200: unix.B115200, 230_400: unix.B230400, 460_800: unix.B460800, 921_600: unix.B921600,
	}
}

func checkBaud(baud int) error {
	if _, ok := speeds()[baud]; !ok {
		return fmt.Errorf("a serial line has a speed of %v, not %d", slices.Sorted(maps.Keys(speeds())), baud)
	}
	return nil
}

// serial is an open serial line that no other program may open.
type serial struct{ *os.File }

// Close ends reads and writes under way, and lets other programs in again.
func (s serial) Close() error {
	return errors.Join(s.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) }), s.File.Close())
}

func (s serial) control(do func(fd int) error) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	return errors.Join(raw.Control(func(fd uintptr) { inner = do(int(fd)) }), inner)
}

// openSerial opens a serial line for this program alone: raw, 8 data bits, no
// parity, one stop bit, no flow control, and nothing of what came before. It
// waits for no carrier, and a close ends a read.
func openSerial(path string, baud int) (io.ReadWriteCloser, error) {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	s := serial{file}
	err = s.control(func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return fmt.Errorf("%s is no serial line: %w", path, err)
		}
		raw(t, speeds()[baud])
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// raw changes the settings of a line to those of the protocol.
func raw(t *unix.Termios, speed uint32) {
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | speed
	t.Ispeed, t.Ospeed = speed, speed
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
}
