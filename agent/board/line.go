package board

import (
	"time"

	"periph.io/x/conn/v3/gpio"
)

// watch tells every press of one key. A key that is down from the start, because
// it is stuck or its line is not connected, is none.
func (k *Keys) watch(l Line, f *finger) {
	for {
		edge := k.waitForEdge(l.Pin, f.wait(time.Now()))
		if k.stopped() {
			return
		}
		k.see(f, l.Pin.Read() == gpio.Low, edge, time.Now())
	}
}

// waitForEdge waits for an edge or the time. A driver that cannot wait, or was
// told to end it, does not keep the processor busy: the line is then looked at
// every Settle.
func (k *Keys) waitForEdge(pin gpio.PinIn, wait time.Duration) bool {
	begun := time.Now()
	if pin.WaitForEdge(wait) {
		return true
	}
	if rest := wait - time.Since(begun); rest > 0 {
		select {
		case <-k.stop:
		case <-time.After(min(rest, Settle)):
		}
	}
	return false
}
