package spool

import (
	"bytes"
	"os"
	"reflect"
	"testing"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/protocol"
)

// point is a moment at which the power may go: what is then on the disk, and
// which records that may mean.
type point struct {
	image    []byte
	was, may *record // may is nil while the new record cannot be there
}

// points enumerates the write points of one Save. bbolt writes the data pages, in
// their order, and syncs; then it writes one meta page, and syncs (see
// TestAPowerCutInTheMiddleOfAWrite for other orders of the first part). Within
// each write a cut may fall behind every sector.
func (st step) points() (all []point) {
	meta := 2 * os.Getpagesize()
	image := append(append([]byte(nil), st.before...), make([]byte, max(0, len(st.after)-len(st.before)))...)
	all = append(all, point{bytes.Clone(image), &st.old, nil}) // grown, and nothing written
	write := func(from, to int, may *record) {
		for at := from; at < to; at += sector {
			end := min(at+sector, to)
			if bytes.Equal(image[at:end], st.after[at:end]) {
				continue
			}
			copy(image[at:end], st.after[at:end])
			all = append(all, point{bytes.Clone(image), &st.old, may})
		}
	}
	write(meta, len(image), nil)
	write(0, meta, &st.saved)
	return all
}

// TestAPowerCutAtEveryWritePoint: of a life with every kind of Save there is, cut
// behind every sector that is written. What is found is the record before or,
// once its meta page is there, the record after; nothing is ever put aside; and
// the next Save works.
func TestAPowerCutAtEveryWritePoint(t *testing.T) {
	t.Parallel()
	cuts, old, saved := 0, 0, 0
	for i, st := range append([]step{firstStep(t)}, append(steps(t), fullStep(t))...) {
		all := st.points()
		if len(all) < 3 {
			t.Fatalf("step %d has %d write points", i, len(all))
		}
		for n, p := range all {
			cuts++
			got := recordIn(t, p.image)
			switch last := n == len(all)-1; {
			case got == nil:
				t.Fatalf("step %d, point %d: the spool is unreadable", i, n)
			case p.may != nil && reflect.DeepEqual(*got, *p.may):
				saved++
			case last:
				t.Fatalf("step %d: all is written, and it holds %+v", i, *got)
			case i == 0 && got.Next == 1 && len(got.Facts) == 0 && got.Memory == machine.Memory{}:
				old++ // a new one has an epoch of its own
			case reflect.DeepEqual(*got, *p.was):
				old++
			default:
				t.Fatalf("step %d, point %d: holds %+v, neither %+v nor %+v", i, n, *got, *p.was, p.may)
			}
		}
	}
	t.Logf("%d write points: the record before %d times, the one after %d times", cuts, old, saved)
	if saved < 10 || old < 50 {
		t.Errorf("%d write points: the record before %d times, the one after %d times", cuts, old, saved)
	}
}

// firstStep is the first Save of all, into the file that bbolt has just made.
func firstStep(t *testing.T) step {
	t.Helper()
	s := open(t, path(t))
	st := step{before: read(t, s.disk.path), old: s.rec}
	save(t, s, memory(1, "A"), received("A"))
	st.after, st.saved = read(t, s.disk.path), s.rec
	return st
}

// fullStep is a Save of a record in which every field has a value.
func fullStep(t *testing.T) step {
	t.Helper()
	s := open(t, path(t))
	save(t, s, memory(1, "A"), received("A"))
	st := step{before: read(t, s.disk.path), old: s.rec}
	var mem machine.Memory
	var fact machine.Fact
	fill(t, reflect.ValueOf(&mem).Elem(), new(int))
	fill(t, reflect.ValueOf(&fact).Elem(), new(int))
	save(t, s, mem, fact)
	st.after, st.saved = read(t, s.disk.path), s.rec
	return st
}

// fill gives every field of v that is to be kept a value of its own, counting on n. A kind of field
// that it does not know fails the test, so that whoever adds one looks here.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			switch f := v.Type().Field(i); {
			case f.Tag.Get("json") == "-": // of this start only, and says so
			case !f.IsExported():
				t.Fatalf("%s.%s is not exported, so it is not kept", v.Type(), f.Name)
			default:
				fill(t, v.Field(i), n)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.String:
		v.SetString("value" + string(rune('A'+*n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		t.Fatalf("a field of kind %s", v.Kind())
	}
}

// TestEveryFieldIsKept: whatever a terminal remembers, and whatever a fact says,
// comes back from the disk as it was.
func TestEveryFieldIsKept(t *testing.T) {
	t.Parallel()
	var mem machine.Memory
	var fact machine.Fact
	n := 0
	fill(t, reflect.ValueOf(&mem).Elem(), &n)
	fill(t, reflect.ValueOf(&fact).Elem(), &n)
	s := open(t, path(t))
	save(t, s, mem, fact)
	s = reopen(t, s)
	if s.Memory() != mem {
		t.Errorf("memory is %+v, want %+v", s.Memory(), mem)
	}
	if got := s.Facts(); len(got) != 1 || !s.rec.waiting(fact) {
		t.Errorf("facts are %+v, want %+v", got, fact)
	}
	// Each field of a fact on the wire is one of the machine's, but for its number.
	wire, own := reflect.TypeFor[protocol.Fact](), reflect.TypeFor[machine.Fact]()
	for i := range wire.NumField() {
		if name := wire.Field(i).Name; name != "N" {
			if _, ok := own.FieldByName(name); !ok {
				t.Errorf("nothing becomes the %s of a fact", name)
			}
		}
	}
}

// TestAnIdleSpoolWritesNothing: neither a Save of what is there nor an
// acknowledgement touches the disk: SD cards wear out.
func TestAnIdleSpoolWritesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, path(t))
	save(t, s, memory(6, "A"), received("A"), presented("A"))
	before := read(t, s.disk.path)
	for range 1000 {
		save(t, s, memory(6, "A"))
		save(t, s, memory(6, "A"), presented("A"))
		s.Ack(s.Epoch(), 1)
	}
	s.Ack(s.Epoch(), 2)
	save(t, s, memory(6, "A"))
	if !bytes.Equal(read(t, s.disk.path), before) {
		t.Error("the file was written")
	}
}

// TestTheFileDoesNotGrow: two thousand sales leave it as large as a hundred did.
func TestTheFileDoesNotGrow(t *testing.T) {
	t.Parallel()
	s := open(t, path(t))
	s.disk.db.NoSync = true // as to size that changes nothing
	size := func() int64 {
		info, err := os.Stat(s.disk.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	var after100 int64
	for seq := range uint64(2_000) {
		save(t, s, memory(seq+1, "A"), received("A"), machine.Fact{Kind: protocol.FactShown, PaymentID: "A"})
		s.Ack(s.Epoch(), s.rec.Next-1)
		if seq == 100 {
			after100 = size()
		}
	}
	if now := size(); now != after100 {
		t.Errorf("%d bytes after 100 sales, %d after 2,000", after100, now)
	}
}
