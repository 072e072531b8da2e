package decide

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Rows by name are what a map would hold, in the order in which they were first put,
// however many there are, also where their room served others before.
func TestOrderedIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var o, over ordered[int, string]
		for range 2 { // the second time in the room of the first
			o.empty()
			want, order := map[int]string{}, []int{}
			put := func(o *ordered[int, string], k int, v string) {
				o.put(k, v)
				if _, known := want[k]; !known {
					order = append(order, k)
				}
				want[k] = v
			}
			for range rapid.IntRange(0, 4*few).Draw(t, "puts") {
				put(&o, rapid.IntRange(0, 2*few).Draw(t, "name"), rapid.String().Draw(t, "value"))
			}
			over.empty()
			for range rapid.IntRange(0, few).Draw(t, "laid over") {
				put(&over, rapid.IntRange(0, 2*few).Draw(t, "name"), rapid.String().Draw(t, "value"))
			}
			o.add(&over)
			if !slices.Equal(o.names, order) {
				t.Fatalf("the order is %v, want %v", o.names, order)
			}
			for k := range 2*few + 1 {
				v, there := o.get(k)
				if w, known := want[k]; v != w || there != known {
					t.Fatalf("%d is %q %v, want %q %v", k, v, there, w, known)
				}
			}
		}
	})
}
