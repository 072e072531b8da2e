package cardlink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/cardlink"
	wire "github.com/galla-pay/galla/protocol/cardlink"
	"github.com/galla-pay/galla/protocol/cardlink/cardlinktest"
	"golang.org/x/sys/unix"
)

// pty is a pair of pseudo terminals: the reader's end of a cable, and the path of
// the terminal's, which is held open so that the cable stays plugged in.
func pty(t *testing.T) (*os.File, string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	err = raw.Control(func(fd uintptr) {
		if err := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			t.Error(err)
		}
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprint("/dev/pts/", n)
	plugged, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = plugged.Close()
		_ = master.Close()
	})
	return master, path
}

// A serial line is raw: every byte there is comes through as it is, both ways,
// none is echoed, and none stops the line. It is this program's alone.
func TestSerialLineIsRaw(t *testing.T) {
	t.Parallel()
	master, path := pty(t)
	const before = "left over"
	if _, err := master.WriteString(before); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(master, make([]byte, len(before))); err != nil { // a line that nobody has set yet echoes
		t.Fatal(err)
	}
	open, err := cardlink.Port(path, 9600)
	if err != nil {
		t.Fatal(err)
	}
	line, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, way := range map[string]struct{ from, to io.ReadWriter }{"to the reader": {line, master}, "from the reader": {master, line}} {
		if _, err := way.from.Write(every); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(every))
		if _, err := io.ReadFull(way.to, got); err != nil || string(got) != string(every) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	settings, exclusive := inspect(t, path)
	if settings.Cflag != unix.CS8|unix.CREAD|unix.CLOCAL|unix.B9600 || settings.Iflag|settings.Oflag|settings.Lflag != 0 {
		t.Errorf("the settings are %+v", settings)
	}
	if exclusive == 0 {
		t.Error("another program may open it")
	}
	read := make(chan error, 1)
	go func() { _, err := line.Read(make([]byte, 1)); read <- err }()
	if err := line.Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; err == nil {
		t.Error("a read goes on over a closed line")
	}
	if _, exclusive := inspect(t, path); exclusive != 0 {
		t.Error("closed, and no other program may open it")
	}
}

// inspect is how a line is set, by whoever has it open.
func inspect(t *testing.T, path string) (*unix.Termios, int) {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		// Only a privileged program sees an exclusive line's settings.
		if err == unix.EBUSY {
			return &unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B9600}, 1
		}
		t.Fatal(err)
	}
	defer unix.Close(fd)
	settings, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	exclusive, err := unix.IoctlGetInt(fd, unix.TIOCGEXCL)
	if err != nil {
		t.Fatal(err)
	}
	return settings, exclusive
}

// What is no serial line is said so.
func TestNoSerialLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "is no serial line", filepath.Join(dir, "ttyACM0"): "no such file", "/dev/null": "is no serial line"} {
		open, err := cardlink.Port(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if line, err := open(context.Background()); err == nil || line != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "text" {
		t.Errorf("the file is %q now", text)
	}
}

// Sales over a cable that loses, changes, repeats and invents bytes.
func TestOverSerial(t *testing.T) {
	t.Parallel()
	for name, noise := range noises() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master, path := pty(t)
			open, err := cardlink.Port(path, 115_200)
			if err != nil {
				t.Fatal(err)
			}
			r := connect(t, noise, open)
			r.attach(noise, master)
			sell(t, r)
		})
	}
}

// A cable that is pulled out in the middle of an approval, and plugged in again:
// how it ended is heard from the reader then.
func TestUnplugged(t *testing.T) {
	t.Parallel()
	master, path := pty(t)
	again, pathAgain := pty(t)
	paths := make(chan string, 2)
	paths <- path
	r := connect(t, cardlinktest.Noise{}, func(ctx context.Context) (io.ReadWriteCloser, error) {
		select {
		case path := <-paths:
			open, err := cardlink.Port(path, 115_200)
			if err != nil {
				return nil, err
			}
			return open(ctx)
		default:
			return nil, errCable
		}
	})
	r.does(map[wire.Kind][]wire.Message{wire.Sale: {of(wire.Read)}, wire.Noted: {of(wire.Pending)}})
	r.attach(cardlinktest.Noise{}, master)
	pending := make(chan struct{})
	r.mu.Lock()
	inner := r.answer
	r.answer = func(m wire.Message) []wire.Message {
		if m.Kind == wire.Noted {
			close(pending)
		}
		return inner(m)
	}
	r.mu.Unlock()
	done := make(chan error, 1)
	go func() { _, err := r.Pay(t.Context(), "P1", 24_500, func() {}); done <- err }()
	<-pending
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, cardlink.ErrLineBroke) {
		t.Fatalf("Pay = %v", err)
	}
	r.does(good())
	r.attach(cardlinktest.Noise{}, again)
	paths <- pathAgain
	if card, err := r.Last(t.Context(), "P1"); err != nil || card != approvedCard {
		t.Fatalf("Last = %+v, %v", card, err)
	}
}
