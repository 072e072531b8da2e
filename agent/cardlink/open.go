package cardlink

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"
)

// DefaultBaud is the speed of a serial line where none is said.
const DefaultBaud = 115_200

// Port opens a serial line: the path of its device, such as /dev/ttyACM0, and its
// speed in bits a second; 0 is DefaultBaud. The device need not be there yet; a
// speed that there is not, or no path, is an error at once.
func Port(path string, baud int) (Opener, error) {
	if baud == 0 {
		baud = DefaultBaud
	}
	if path == "" {
		return nil, fmt.Errorf("a serial line needs the path of its device")
	}
	if err := checkBaud(baud); err != nil {
		return nil, err
	}
	return func(context.Context) (io.ReadWriteCloser, error) { return openSerial(path, baud) }, nil
}

// Address opens a connection: tcp://HOST:PORT. What is written otherwise is an
// error at once; that nobody is there is one of each try.
func Address(address string) (Opener, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "tcp" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("a card reader's address is written tcp://HOST:PORT")
	}
	if n, err := strconv.Atoi(u.Port()); err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("a card reader's address is written tcp://HOST:PORT, with a port of 1 to 65535")
	}
	dialer := net.Dialer{Timeout: openLimit, KeepAlive: 15 * time.Second}
	return func(ctx context.Context) (io.ReadWriteCloser, error) { return dialer.DialContext(ctx, "tcp", u.Host) }, nil
}
