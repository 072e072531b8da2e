package terminal

import (
	"errors"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board"
	"github.com/galla-pay/galla/agent/board/boardtest"
)

// fingerLimit bounds each thing that a finger waits for.
const fingerLimit = 5 * time.Second

// bounce is how the contact of a cheap key comes to rest.
func bounce() []time.Duration {
	return []time.Duration{300 * time.Microsecond, 700 * time.Microsecond, 200 * time.Microsecond, time.Millisecond}
}

// wiring is what stands beside a panel: a button for each key that is not on the
// keypad, the keypad, the lamp and the buzzer, emulated electrically, with the
// drivers of package board on their pins. One is made for each start of an agent,
// as power makes the real ones anew.
type wiring struct {
	buttons map[agent.Key]*boardtest.Button
	keypad  *boardtest.Keypad
	places  map[agent.Key][2]int // of the keypad
	looks   map[agent.Key]*looks // at each key; those of the keypad are looked at together
	led     *boardtest.LED
	sounder *boardtest.Buzzer

	keys   *board.Keys // nil: the terminal has none
	lamp   *board.Lamp
	buzzer *board.Buzzer

	finger sync.Mutex     // there is one
	told   chan agent.Key // what the driver made of it
	end    chan struct{}  // closed by close
	done   chan struct{}  // closed when no key is handed on any more
}

// wire makes the parts and starts their drivers. What the keys' driver tells is
// for the agent.
func (t *Terminal) wire() (*wiring, error) {
	w := &wiring{
		buttons: map[agent.Key]*boardtest.Button{},
		keypad:  boardtest.NewKeypad(4, 3),
		places:  map[agent.Key][2]int{},
		looks:   map[agent.Key]*looks{},
		led:     boardtest.NewLED(true),
		sounder: boardtest.NewBuzzer(),
		told:    make(chan agent.Key, keyQueue),
		end:     make(chan struct{}),
		done:    make(chan struct{}),
	}
	var err error
	pins := board.LampPins{Red: w.led.Red, Green: w.led.Green, Blue: w.led.Blue}
	if w.lamp, err = board.OpenLamp(pins, board.LampOptions{PWM: true, Log: t.cfg.Log}); err != nil {
		return nil, err
	}
	if w.buzzer, err = board.OpenBuzzer(w.sounder, board.BuzzerOptions{Log: t.cfg.Log}); err != nil {
		return nil, errors.Join(err, w.lamp.Close())
	}
	if t.cfg.NoKeys {
		close(w.done)
		return w, nil
	}
	matrix := &board.Matrix{Cols: w.keypad.Cols(), Keys: board.MatrixKeys()}
	together := new(looks)
	for r, row := range board.MatrixKeys() {
		if r == 0 {
			matrix.Rows = append(matrix.Rows, watchedRow{w.keypad.Row(r), together, new(bool)})
		} else {
			matrix.Rows = append(matrix.Rows, w.keypad.Row(r))
		}
		for c, key := range row {
			w.places[key], w.looks[key] = [2]int{r, c}, together
		}
	}
	var lines []board.Line
	for _, key := range agent.AllKeys() {
		if _, onKeypad := w.places[key]; onKeypad {
			continue
		}
		button := boardtest.NewButton(string(key))
		button.Bounce(bounce()...)
		w.buttons[key], w.looks[key] = button, new(looks)
		lines = append(lines, board.Line{Key: key, Pin: watchedLine{button.Pin, w.looks[key]}})
	}
	if w.keys, err = board.OpenKeys(lines, matrix, board.KeysOptions{Log: t.cfg.Log}); err != nil {
		return nil, errors.Join(err, w.lamp.Close(), w.buzzer.Close())
	}
	go w.handOn(t.press)
	return w, nil
}

// attach wires a terminal that is to be wired, and returns what takes it apart.
func (t *Terminal) attach() (w *wiring, apart func(), err error) {
	if !t.cfg.Wired {
		return nil, func() {}, nil
	}
	if w, err = t.wire(); err != nil {
		return nil, nil, err
	}
	t.mu.Lock()
	t.wiring = w
	t.mu.Unlock()
	return w, func() {
		t.mu.Lock()
		t.wiring = nil
		t.mu.Unlock()
		if err := w.close(); err != nil {
			t.cfg.Log.Error("what stands beside the panel", "err", err)
		}
	}, nil
}

// handOn gives what the keys' driver tells to the agent, until close.
func (w *wiring) handOn(hand func(agent.Key) error) {
	defer close(w.done)
	for {
		select {
		case <-w.end:
			return
		case key := <-w.keys.Pressed():
			_ = hand(key) // a key that is not read in time is lost
			select {
			case w.told <- key:
			default:
			}
		}
	}
}

// close stops the drivers.
func (w *wiring) close() error {
	close(w.end)
	<-w.done
	err := errors.Join(w.lamp.Close(), w.buzzer.Close())
	if w.keys != nil {
		err = errors.Join(err, w.keys.Close())
	}
	return err
}

// misuse is what a driver did that would harm a real part.
func (w *wiring) misuse() []string {
	all := w.keypad.Misuse()
	for _, button := range w.buttons {
		all = append(all, button.Misuse()...)
	}
	return all
}

// down closes a key's contact, up opens it. Both bounce.
func (w *wiring) down(key agent.Key) {
	if button := w.buttons[key]; button != nil {
		button.Press()
		return
	}
	w.move(key, w.keypad.Press, w.keypad.Release)
}

func (w *wiring) up(key agent.Key) {
	if button := w.buttons[key]; button != nil {
		button.Release()
		return
	}
	w.move(key, w.keypad.Release, w.keypad.Press)
}

// move bounces a key of the keypad, whose emulation has contacts that do not.
func (w *wiring) move(key agent.Key, to, fro func(row, col int)) {
	at := w.places[key]
	for i, d := range bounce() {
		if i%2 == 0 {
			to(at[0], at[1])
		} else {
			fro(at[0], at[1])
		}
		time.Sleep(d)
	}
	to(at[0], at[1])
}

// finger presses a key of a wired terminal, long for its other meaning.
func (t *Terminal) finger(key agent.Key, long bool) error {
	if t.cfg.NoKeys {
		return ErrNoKeys
	}
	t.mu.Lock()
	w, power := t.wiring, t.power
	t.mu.Unlock()
	switch {
	case !power:
		return ErrNoPower
	case w == nil: // its agent gave up, and is not yet started again
		return ErrKeysFull
	}
	w.finger.Lock()
	defer w.finger.Unlock()
	for len(w.told) > 0 {
		<-w.told
	}
	_, other := board.DefaultHolds()[key]
	limit := fingerLimit
	w.down(key)
	switch {
	case other && !long: // it is told when it is let go
		w.looks[key].settle(w.done)
		w.up(key)
	case other:
		limit += board.HoldFor
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	var err error
	select {
	case <-w.told:
	case <-w.done: // its agent was stopped meanwhile
		err = ErrNoPower
	case <-late.C:
		err = ErrKeysFull
	}
	if !other || long {
		w.up(key)
		if err == nil {
			w.looks[key].settle(w.done)
		}
	}
	return err
}
