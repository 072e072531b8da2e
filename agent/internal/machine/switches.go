package machine

import "time"

// keys lets a mode's own move take a key, after what a key means everywhere: the
// language of the words and the voice are the cashier's at any time.
func keys(own move) move {
	return func(m *Machine, now time.Duration, ev Event, w *work) {
		switch press := ev.(Pressed); press.Key {
		case KeyMute:
			m.Muted = !m.Muted
		case KeyLanguage:
			if press.Language != "" {
				m.Language = press.Language
			}
		default:
			if own != nil {
				own(m, now, ev, w)
			}
		}
	}
}

// atRest are the keys in front of a terminal that waits for work.
func atRest(m *Machine, now time.Duration, ev Event, w *work) {
	switch ev.(Pressed).Key {
	case KeyRepeat:
		if m.Last > 0 {
			m.Repeats++
		}
	case KeyTest:
		m.beginTest(now, w)
	default:
		opensKeypad(m, now, ev, w)
	}
}

// atOutage are the keys of a terminal without a link: no order can be asked for.
func atOutage(m *Machine, now time.Duration, ev Event, w *work) {
	if ev.(Pressed).Key == KeyTest {
		m.beginTest(now, w)
	}
}
