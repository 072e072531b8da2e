package npci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// record is one line of the file: the newest state of one thing, or of two that
// changed together. The last line of each counts.
type record struct {
	Entry         *Entry       `json:"entry,omitempty"`
	Collect       *collect     `json:"collect,omitempty"`
	Refund        *RefundEntry `json:"refund,omitempty"`
	Message       string       `json:"message,omitempty"` // MsgID of a controller's message
	Contradiction string       `json:"contradiction,omitempty"`
}

// loaded is what a file says of the Network's side.
type loaded struct {
	collects []*collect
	refunds  []*RefundEntry
	messages []string
}

// journal is a file of books. What was appended is on the disk, so that a killed
// process has lost nothing. After a failure it takes nothing any more.
type journal struct {
	mu   sync.Mutex
	file *os.File
	err  error
}

// OpenBooks reads the books in a file, if there is one, and goes on in it. One
// process may have it open. A last line without its end is what a crash in the
// middle of a write leaves; it is cut off. What was in flight is unknown now.
func OpenBooks(file string) (*Books, error) {
	b, whole, err := readBooks(file)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another process keeps these books: %w", file, err), f.Close())
	}
	if err := f.Truncate(int64(whole)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(0, 2); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b.file = &journal{file: f}
	return b, nil
}

// ReadBooks reads the books in a file, which another process may keep, as they
// are now; what is changed in them afterwards stays in memory.
func ReadBooks(file string) (*Books, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	b, _, err := readBooks(file)
	return b, err
}

// readBooks also returns how many bytes of the file are whole lines.
func readBooks(file string) (b *Books, whole int, err error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	b = &Books{entries: map[string]*Entry{}}
	collects, refunds := map[string]int{}, map[string]int{}
	whole = bytes.LastIndexByte(text, '\n') + 1
	n := 0
	for line := range bytes.Lines(text[:whole]) {
		n++
		var r record
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			return nil, 0, fmt.Errorf("%s: line %d is not of these books: %w", file, n, err)
		}
		if r == (record{}) {
			return nil, 0, fmt.Errorf("%s: line %d is not of these books", file, n)
		}
		if r.Entry != nil {
			if b.entries[r.Entry.TxnID] == nil {
				b.order = append(b.order, r.Entry.TxnID)
			}
			b.entries[r.Entry.TxnID] = r.Entry
		}
		if r.Collect != nil {
			latest(&b.loaded.collects, collects, r.Collect.TxnID, r.Collect)
		}
		if r.Refund != nil {
			latest(&b.loaded.refunds, refunds, r.Refund.TxnID, r.Refund)
		}
		if r.Message != "" {
			b.loaded.messages = append(b.loaded.messages, r.Message)
		}
		if r.Contradiction != "" {
			b.contradictions = append(b.contradictions, r.Contradiction)
		}
	}
	for _, e := range b.entries {
		if e.State == InFlight {
			e.State = Unknown
		}
	}
	return b, whole, nil
}

// latest puts a thing where its first state is, or at the end.
func latest[T any](list *[]T, at map[string]int, id string, thing T) {
	if i, known := at[id]; known {
		(*list)[i] = thing
		return
	}
	at[id] = len(*list)
	*list = append(*list, thing)
}

// Refunds are those in books that were read and that no Network keeps.
func (b *Books) Refunds() []RefundEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []RefundEntry
	for _, r := range b.loaded.refunds {
		all = append(all, *r)
	}
	return all
}

// Close closes the file, if there is one.
func (b *Books) Close() error {
	if b.file == nil {
		return nil
	}
	return b.file.close()
}

// append writes records and waits until they are on the disk. Without a file it
// does nothing.
func (j *journal) append(records ...record) error {
	if j == nil {
		return nil
	}
	var lines bytes.Buffer
	for _, r := range records {
		if err := json.NewEncoder(&lines).Encode(r); err != nil {
			return booksError(err)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	_, err := j.file.Write(lines.Bytes())
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.err = booksError(err)
	}
	return j.err
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = booksError(os.ErrClosed)
	}
	return j.file.Close()
}
