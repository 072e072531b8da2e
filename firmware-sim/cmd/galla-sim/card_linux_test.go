package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A card reader at the end of a serial line: a pty, whose other end the terminal's
// driver has.
func TestCardOverSerial(t *testing.T) {
	t.Parallel()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
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
	out, _, stop := runCard(t, "--serial", path)
	defer stop()
	cards := strings.TrimSuffix(out.await(t, `http://127\.0\.0\.1:\d+/card`), "/card")
	sell(t, func(context.Context) (io.ReadWriteCloser, error) { return master, nil }, cards, "P1")
	if !strings.Contains(out.String(), path) {
		t.Errorf("it does not say where: %s", out)
	}
}
