package admin_test

import (
	"math/big"
	"reflect"

	"github.com/galla-pay/galla/controller/internal/strictjson/strictjsontest"
)

// expected is what a body of a type must be read as, by the second reader's
// reading; nil where it must be refused.
func expected(text []byte, body reflect.Type) any {
	o, depth, ok := strictjsontest.Read(text)
	if !ok || depth > 8 {
		return nil
	}
	v := reflect.New(body).Elem()
	for i := range body.NumField() {
		name := body.Field(i).Tag.Get("json")
		value, there := o[name]
		if !there || name == "" || name == "-" {
			continue
		}
		delete(o, name)
		into := v.Field(i)
		if into.Kind() == reflect.Pointer {
			into.Set(reflect.New(into.Type().Elem()))
			into = into.Elem()
		}
		switch value := value.(type) {
		case string:
			if into.Kind() != reflect.String {
				return nil
			}
			into.SetString(value)
		case bool:
			if into.Kind() != reflect.Bool {
				return nil
			}
			into.SetBool(value)
		case strictjsontest.Number:
			n, whole := new(big.Int).SetString(string(value), 10)
			if into.Kind() != reflect.Int64 || !whole || !n.IsInt64() || value == "-0" {
				return nil
			}
			into.SetInt(n.Int64())
		case []any:
			if into.Kind() != reflect.Slice {
				return nil
			}
			texts := []string{}
			for _, element := range value {
				text, isText := element.(string)
				if !isText {
					return nil
				}
				texts = append(texts, text)
			}
			into.Set(reflect.ValueOf(texts))
		default:
			return nil
		}
	}
	if len(o) > 0 { // keys that are no fields
		return nil
	}
	return v.Interface()
}
