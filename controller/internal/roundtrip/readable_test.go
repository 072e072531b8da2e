package roundtrip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestReadable: whoever answers rubbish is not quoted; what the network says is.
func TestReadable(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("get: %w", context.Canceled), "context canceled"},
		{fmt.Errorf("get: %w", context.DeadlineExceeded), "it took too long"},
		{io.ErrUnexpectedEOF, "the connection ended"},
		{&net.DNSError{Err: "no such host", Name: "bank.example"}, "no such host"},
		{errors.New(`malformed HTTP response "customer@upi"`), "the answer is not readable HTTP"},
	} {
		if got := Readable(tt.err).Error(); !strings.Contains(got, tt.want) || strings.Contains(got, "customer") {
			t.Errorf("%v is told as %q", tt.err, got)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte("customer@upi\r\n\r\n"))
			_ = c.Close()
		}
	}()
	_, err = (&http.Client{Timeout: 10 * time.Second}).Get("http://" + l.Addr().String())
	if err == nil || strings.Contains(Readable(err).Error(), "customer") {
		t.Errorf("an answer that is no HTTP is told as %v", Readable(err))
	}
}
