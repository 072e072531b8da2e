package board

import (
	"fmt"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// scanner is a keypad that is watched. While no key is pressed all rows are low,
// and a column that falls wakes it; while one is, it looks at the rows one by one.
type scanner struct {
	keys    *Keys
	m       Matrix
	fingers [][]*finger // nil where there is no key
	// ignored are places that were first seen in doubt: they count as up until they
	// are.
	ignored grid
	broken  []bool // rows that are logged as not doing as told

	woken atomic.Uint32 // the columns that fell
	wake  chan struct{}
	last  time.Time // when a key last changed, or the keypad was woken
}

// scan sets a keypad up and watches it until Close.
func (k *Keys) scan(whole Matrix) {
	lostRows, lostCols := map[int]bool{}, map[int]bool{}
	for c, pin := range whole.Cols {
		if err := pin.In(gpio.PullUp, gpio.FallingEdge); err != nil {
			lostCols[c] = true
			k.fault(fmt.Errorf("keypad, column %d: %w", c+1, err))
		}
	}
	for r, pin := range whole.Rows {
		if err := pin.Out(gpio.Low); err != nil {
			lostRows[r] = true
			k.fault(fmt.Errorf("keypad, row %d: %w", r+1, err))
		}
	}
	m := whole.without(lostRows, lostCols)
	k.matrix = &m
	if len(m.Rows) == 0 || len(m.Cols) == 0 {
		return
	}
	s := &scanner{
		keys: k, m: m,
		ignored: make(grid, len(m.Rows)), broken: make([]bool, len(m.Rows)),
		wake: make(chan struct{}, 1), last: time.Now(),
	}
	down, shorted := s.look()
	for r, keys := range m.Keys {
		row := make([]*finger, len(keys))
		for c, key := range keys {
			if key != "" {
				row[c] = k.finger(key, down.at(r, c) || shorted>>c&1 == 1)
			}
		}
		s.fingers = append(s.fingers, row)
	}
	for c := range m.Cols {
		k.running.Go(func() { s.watch(c) })
	}
	k.running.Go(s.run)
}

// watch wakes the scanner when a column falls, or is found low by a driver that
// reports no edge.
func (s *scanner) watch(c int) {
	for {
		edge := s.keys.waitForEdge(s.m.Cols[c], lookEvery)
		if s.keys.stopped() {
			return
		}
		if edge || s.m.Cols[c].Read() == gpio.Low {
			s.woken.Or(1 << c)
			select {
			case s.wake <- struct{}{}:
			default:
			}
		}
	}
}

func (s *scanner) run() {
	timer := time.NewTimer(0) // a key may be down already
	defer timer.Stop()
	every := scanEvery // until the next look; 0: until a column falls
	for {
		select {
		case <-s.keys.stop:
			return
		case <-s.wake:
			// Looking at a pressed key moves its column: that is no news, and while
			// it looks often nothing is.
			if news := s.woken.Swap(0) &^ s.held(); news == 0 || every == scanEvery {
				continue
			}
			s.last = time.Now()
		case <-timer.C:
		}
		busy := s.step()
		timer.Stop()
		switch {
		case !busy:
			every = 0
			continue
		case time.Since(s.last) < restAfter:
			every = scanEvery
		default:
			every = restEvery
		}
		timer.Reset(every)
	}
}

// held are the columns of the keys that are down, ignored ones too.
func (s *scanner) held() uint32 {
	var cols uint32
	for r, row := range s.fingers {
		cols |= s.ignored[r]
		for c, f := range row {
			if f != nil && f.down {
				cols |= 1 << c
			}
		}
	}
	return cols
}

// step looks at the keypad once and tells what was pressed. It reports that there
// is more to see before a column wakes it again.
func (s *scanner) step() (busy bool) {
	raw, shorted := s.look()
	doubt := raw.ambiguous()
	now := time.Now()
	for r, row := range s.fingers {
		s.ignored[r] &= raw[r]
		for c, f := range row {
			if f == nil {
				continue
			}
			if doubt.at(r, c) && !f.down {
				s.ignored[r] |= 1 << c
			}
			was := f.contact
			// Nothing is known of a shorted column: its keys stay as they are.
			down := raw.at(r, c) && !s.ignored.at(r, c) || shorted>>c&1 == 1 && f.down
			s.keys.see(f, down, false, now)
			if was != f.contact {
				s.last = now
			}
			busy = busy || f.down || !f.since.IsZero()
		}
		busy = busy || s.ignored[r] != 0
	}
	return busy
}

// look finds the keys that connect a row with a column, and the columns that are
// low without any row: they are shorted to ground, and say nothing of their keys.
// Afterwards all rows are low again.
func (s *scanner) look() (down grid, shorted uint32) {
	down = make(grid, len(s.m.Rows))
	for r, row := range s.m.Rows {
		s.told(r, row.In(gpio.PullUp, gpio.NoEdge))
	}
	time.Sleep(lineSettle)
	shorted = s.columns()
	for r, row := range s.m.Rows {
		s.told(r, row.Out(gpio.Low))
		time.Sleep(lineSettle)
		down[r] = s.columns() &^ shorted
		s.told(r, row.In(gpio.PullUp, gpio.NoEdge))
	}
	for r, row := range s.m.Rows {
		s.told(r, row.Out(gpio.Low))
	}
	return down, shorted
}

// columns are those that are low.
func (s *scanner) columns() (low uint32) {
	for c, col := range s.m.Cols {
		if col.Read() == gpio.Low {
			low |= 1 << c
		}
	}
	return low
}

// told notes that a row does not do as told, once.
func (s *scanner) told(r int, err error) {
	if err == nil || s.broken[r] {
		return
	}
	s.broken[r] = true
	s.keys.fault(fmt.Errorf("keypad, row of %v: %w", s.m.Keys[r], err))
}
