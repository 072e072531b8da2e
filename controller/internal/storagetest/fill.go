package storagetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// fill gives every field of the struct that v points to a value of its own, so
// that a field without a column, or one that is saved in another's, is seen.
func fill(t *testing.T, v any) {
	t.Helper()
	n := 0
	fillValue(t, reflect.ValueOf(v).Elem(), &n)
}

func fillValue(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(day.Add(time.Duration(*n) * (time.Hour + time.Microsecond))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillValue(t, v.Field(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d ₹ 'quoted' \\ \"x\"", *n))
	case reflect.Int64:
		v.SetInt(int64(*n) * 1_000_000_000_000)
	case reflect.Uint64:
		v.SetUint(uint64(*n) * 1_000_000_000_000)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64((*n + i) % 256))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{byte(*n), 0, 255, byte(*n)})
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fillValue(t, v.Index(i), n)
		}
	case reflect.Map: // a set
		key := reflect.New(v.Type().Key()).Elem()
		fillValue(t, key, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, reflect.ValueOf(true))
	default:
		t.Fatalf("fill: no value for a %s", v.Type())
	}
}

// same fails unless two values are equal in every field.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is\n  %s, want\n  %s", what, show(got), show(want))
	}
}

// show prints a value with what the types of package protocol mask.
func show(v any) string {
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Struct {
		return fmt.Sprintf("%#v", v)
	}
	s := "{"
	for i := range r.NumField() {
		f := r.Field(i)
		if f.Kind() == reflect.String {
			s += fmt.Sprintf("%s:%q ", r.Type().Field(i).Name, f.String())
		} else {
			s += fmt.Sprintf("%s:%v ", r.Type().Field(i).Name, f.Interface())
		}
	}
	return s + "}"
}
