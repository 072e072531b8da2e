package upi

import (
	"math/rand/v2"
	"time"
)

// kind is a kind of message. It indexes arrays and is stored nowhere.
type kind uint8

const (
	validate kind = 0 // ReqValQr
	pay      kind = 1 // ReqPay
	kinds         = 2
)

func (k kind) String() string { return [kinds]string{"ReqValQr", "ReqPay"}[k] }

// goal is within what an answer of that kind is in time (PRD 12).
func (k kind) goal() time.Duration {
	return [kinds]time.Duration{100 * time.Millisecond, 150 * time.Millisecond}[k]
}

// arrival is one request of a schedule: at is after the schedule's begin.
type arrival struct {
	at   time.Duration
	kind kind
}

// The gaps of a schedule.
const (
	poisson = "poisson" // exponential
	even    = "even"
)

// newSchedule decides when requests are sent at a rate a second for so long, one
// of each kind in turn. All of it is made before the first is sent: nothing that
// happens then moves it.
func newSchedule(rate float64, length time.Duration, gaps string, dice *rand.Rand) []arrival {
	mean := float64(time.Second) / rate
	plan := make([]arrival, 0, int(float64(length)/mean*1.05)+16)
	for at := 0.0; ; {
		if gaps == poisson {
			at += dice.ExpFloat64() * mean
		} else {
			at += mean
		}
		if at > float64(length) {
			return plan
		}
		plan = append(plan, arrival{time.Duration(at), kind(len(plan) % kinds)})
	}
}

// atOnce is a schedule of so many ReqValQr that are all due at once: with few
// connections they go out as answers come, which is a closed loop.
func atOnce(n int) []arrival { return make([]arrival, n) }
