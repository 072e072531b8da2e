package recall_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/recall"
)

// What was put last is known for as long as no more than most others came after it;
// what was forgotten is not; and nothing else is ever said.
func TestMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const most = 4
		m := recall.New[int, int](most)
		latest := map[int]int{} // what a key must say, if it says anything
		var order []int         // keys as they came, the last at the end
		for n := range rapid.IntRange(0, 60).Draw(t, "steps") {
			key := rapid.IntRange(0, 11).Draw(t, "key")
			if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
				m.Forget(key)
				delete(latest, key)
			} else {
				m.Put(key, n)
				latest[key] = n
				order = append(order, key)
			}
			for k := range 12 {
				got, known := m.Get(k)
				if want, ever := latest[k]; known && (!ever || got != want) {
					t.Fatalf("%d is %d, want %d, %v", k, got, want, ever)
				}
			}
			for _, k := range order[max(0, len(order)-most):] {
				if _, ever := latest[k]; !ever {
					continue
				}
				if _, known := m.Get(k); !known {
					t.Fatalf("%d is not known any more, of the latest %v", k, order)
				}
			}
		}
	})
}
