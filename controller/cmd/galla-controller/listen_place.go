package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// feedPlace is where listen stands in the feed. It is on disk before listen goes on:
// what was forwarded and not yet written down comes once more after a crash,
// with the same event id, and nothing is left out.
type feedPlace struct {
	path       string // "" keeps it in memory
	merchantID string
	cursor     string // "" is nowhere yet
	unwritten  bool   // the file does not say it
}

// feedPlaceFile is what stands in the file.
type feedPlaceFile struct {
	MerchantID string `json:"merchantId"`
	Cursor     string `json:"cursor"`
}

// openFeedPlace reads the file, if there is one. A file of another merchant, or one
// that holds something else, is refused and left as it is.
func openFeedPlace(path, merchantID string) (*feedPlace, error) {
	p := &feedPlace{path: path, merchantID: merchantID}
	if path == "" {
		return p, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, p.writable()
	}
	if err != nil {
		return nil, err
	}
	var f feedPlaceFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || f.Cursor == "" || f.MerchantID == "" {
		return nil, fmt.Errorf("%s is no cursor file", path)
	}
	if f.MerchantID != merchantID {
		return nil, fmt.Errorf("%s is of merchant %s", path, f.MerchantID)
	}
	p.cursor = f.Cursor
	return p, p.writable()
}

// writable fails now where moving would fail later.
func (p *feedPlace) writable() error {
	f, err := os.CreateTemp(filepath.Dir(p.path), ".cursor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// move moves it; on disk the new file takes the place of the old one whole or not
// at all. Where that fails it has moved all the same, until the process ends.
func (p *feedPlace) move(cursor string) error {
	if cursor == p.cursor && !p.unwritten {
		return nil
	}
	p.cursor = cursor
	if p.path == "" {
		return nil
	}
	p.unwritten = true
	if err := p.write(cursor); err != nil {
		return &listenFailure{who: "cursor file", err: err}
	}
	p.unwritten = false
	return nil
}

func (p *feedPlace) write(cursor string) (err error) {
	text, err := json.Marshal(feedPlaceFile{p.merchantID, cursor})
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(p.path), ".cursor-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), p.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(p.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (p *feedPlace) String() string {
	if p.path == "" {
		return "without --cursor-file the place is forgotten"
	}
	return "the place is kept in " + p.path
}
