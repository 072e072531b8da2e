package upi

import (
	"bytes"
	"errors"
	"strconv"
)

var (
	errNotHTTP = errors.New("no HTTP answer")
	errLong    = errors.New("an answer that is too long")
)

// maxAnswer is the longest answer that is read, head and all, in bytes.
const maxAnswer = 64 << 10

// answer is an HTTP answer, read in place.
type answer struct {
	status int
	body   []byte
	close  bool // the server closes the connection after it
}

// readAnswer reads the answer at the beginning of data. length is how much of data
// it is; 0: it is not all there yet. A body in chunks is put together in place. It
// knows as much of HTTP/1.1 as servers use for a short answer to a POST.
func readAnswer(data []byte) (a answer, length int, err error) {
	const version = "HTTP/1.1 "
	if n := min(len(data), len(version)); string(data[:n]) != version[:n] {
		return a, 0, errNotHTTP
	}
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		if len(data) >= maxAnswer {
			return a, 0, errLong
		}
		return a, 0, nil
	}
	line, fields, _ := bytes.Cut(data[:end], []byte("\r\n"))
	if len(line) < len(version)+3 {
		return a, 0, errNotHTTP
	}
	if a.status, err = strconv.Atoi(string(line[len(version) : len(version)+3])); err != nil || a.status < 200 {
		return a, 0, errNotHTTP
	}
	size, chunked := -1, false
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(field, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if size, err = strconv.Atoi(string(value)); err != nil || size < 0 {
				return a, 0, errNotHTTP
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			a.close = bytes.EqualFold(value, []byte("close"))
		}
	}
	begin := end + len("\r\n\r\n")
	switch {
	case chunked:
		a.body, length, err = readChunks(data, begin)
		return a, length, err
	case size < 0:
		return a, 0, errNotHTTP // its end would be the connection's
	case begin+size > maxAnswer:
		return a, 0, errLong
	case len(data) < begin+size:
		return a, 0, nil
	}
	a.body = data[begin : begin+size]
	return a, begin + size, nil
}

// readChunks puts the chunks from begin on together, once all of them are there.
func readChunks(data []byte, begin int) (body []byte, length int, err error) {
	for put := false; ; put = true {
		body = data[begin:begin]
		for at := begin; ; {
			line, _, found := bytes.Cut(data[at:], []byte("\r\n"))
			if !found {
				return nil, 0, long(data)
			}
			digits, _, _ := bytes.Cut(line, []byte(";"))
			size, err := strconv.ParseUint(string(digits), 16, 31)
			if err != nil {
				return nil, 0, errNotHTTP
			}
			at += len(line) + 2
			end := at + int(size)
			if len(data) < end+2 {
				return nil, 0, long(data)
			}
			if string(data[end:end+2]) != "\r\n" {
				return nil, 0, errNotHTTP // a trailer, or not the chunk's end
			}
			if put {
				body = append(body, data[at:end]...)
			}
			if at = end + 2; size > 0 {
				continue
			}
			if !put {
				break
			}
			return body, at, nil
		}
	}
}

// long says whether what is not all there yet has been too much already.
func long(data []byte) error {
	if len(data) >= maxAnswer {
		return errLong
	}
	return nil
}

// What a failure is called that has no code of the server.
const (
	failGarbage  = "not an answer"
	failOther    = "answers another message"
	failNoToken  = "00 without a token"
	failUnsigned = "not signed"
	failClosed   = "connection closed"
	failConnect  = "no connection"
	failLate     = "no answer in time"
	failPool     = "no token to spend"
)

// judge returns what is wrong with an answer to m, "" for nothing, and the token
// of an answer to a ReqValQr.
func (a answer) judge(m message, signed bool) (failure string, got token) {
	code, ok := element(a.body, "Status")
	if !ok || len(code) > 8 {
		if a.status != 200 {
			return "HTTP " + strconv.Itoa(a.status), got
		}
		return failGarbage, got
	}
	if a.status != 200 {
		return "HTTP " + strconv.Itoa(a.status) + ", code " + string(code), got
	}
	if msgID, _ := element(a.body, "MsgID"); string(msgID) != string(m.msgID[:]) {
		return failOther, got
	}
	if string(code) != "00" {
		return "code " + string(code), got
	}
	if signed && !bytes.Contains(a.body, []byte("SignatureValue>")) {
		return failUnsigned, got
	}
	if m.kind == pay {
		if result, some := element(a.body, "Result"); some {
			return "result " + string(result), got
		}
		return "", got
	}
	text, _ := element(a.body, "VerToken")
	if len(text) != tokenLength {
		return failNoToken, got
	}
	got.payee = m.payee
	copy(got.text[:], text)
	return "", got
}

// element is the text of the first element of that name.
func element(doc []byte, name string) ([]byte, bool) {
	for rest := doc; ; {
		at := bytes.Index(rest, []byte(name))
		if at < 1 {
			return nil, false
		}
		end := at + len(name)
		if rest[at-1] == '<' && end < len(rest) && rest[end] == '>' {
			text, _, found := bytes.Cut(rest[end+1:], []byte("<"))
			return text, found
		}
		rest = rest[end:]
	}
}
