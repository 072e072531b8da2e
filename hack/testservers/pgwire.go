package testservers

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// pgExec runs statements over PostgreSQL's own wire protocol (version 3, simple
// query, trust authentication) and throws rows away. It exists so that making
// a database needs neither psql nor a driver in this module.
func pgExec(ctx context.Context, addr, user, database, sql string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp4", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	const protocol3 = 3 << 16
	body := binary.BigEndian.AppendUint32(nil, protocol3)
	body = fmt.Appendf(body, "user\x00%s\x00database\x00%s\x00\x00", user, database)
	if _, err := conn.Write(frame(0, body)); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	if err := pgUntilReady(r); err != nil {
		return err
	}
	if sql != "" {
		if _, err := conn.Write(frame('Q', append([]byte(sql), 0))); err != nil {
			return err
		}
		if err := pgUntilReady(r); err != nil {
			return err
		}
	}
	_, err = conn.Write(frame('X', nil))
	return err
}

// frame is one message: kind (none for the first message of a connection),
// length with itself, body.
func frame(kind byte, body []byte) []byte {
	var b []byte
	if kind != 0 {
		b = append(b, kind)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)+4))
	return append(b, body...)
}

// pgUntilReady reads up to ReadyForQuery and returns the first error on the way.
func pgUntilReady(r *bufio.Reader) error {
	var failed error
	for {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return errors.Join(failed, err)
		}
		size := binary.BigEndian.Uint32(head[1:])
		if size < 4 || size > 1<<24 {
			return fmt.Errorf("not PostgreSQL: message of %d bytes", size)
		}
		body := make([]byte, size-4)
		if _, err := io.ReadFull(r, body); err != nil {
			return errors.Join(failed, err)
		}
		switch head[0] {
		case 'Z':
			return failed
		case 'R':
			if len(body) < 4 || binary.BigEndian.Uint32(body) != 0 {
				return errors.New("PostgreSQL wants a password; testservers speaks to its own trusting clusters only")
			}
		case 'E':
			if failed == nil {
				failed = pgError(body)
			}
		}
	}
}

// pgError reads an ErrorResponse: fields of a letter and a text, ended by 0.
func pgError(body []byte) error {
	var code, message string
	for field := range strings.SplitSeq(string(body), "\x00") {
		if field == "" {
			continue
		}
		switch field[0] {
		case 'C':
			code = field[1:]
		case 'M':
			message = field[1:]
		}
	}
	return fmt.Errorf("PostgreSQL: %s (%s)", message, code)
}

// quoteIdent quotes an SQL name.
func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
