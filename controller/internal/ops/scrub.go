package ops

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"
)

// redacted stands in the place of a secret.
const redacted = "[redacted]"

// secretKeys are the keys whose value is never written, wherever they stand in
// a key, without regard to case, hyphens, underscores and dots: saltKey,
// SALT_KEY and merchant.salt-key are one (failure matrix T9).
var secretKeys = []string{
	"saltkey", "secret", "password", "passwd", "passphrase", "token", "authorization", "cookie",
	"xverify", "checksum", "privatekey", "apikey", "signingkey", "sealkey", "credential",
	"cardnumber", "cvv", "mpin",
}

// exactKeys are too short to be looked for inside a key.
var exactKeys = []string{"salt", "pan", "pin", "otp", "key", "auth", "dsn"}

var keyMarks = strings.NewReplacer("-", "", "_", "", ".", "", " ", "")

func secretKey(key string) bool {
	key = keyMarks.Replace(strings.ToLower(key))
	for _, k := range exactKeys {
		if key == k {
			return true
		}
	}
	for _, k := range secretKeys {
		if strings.Contains(key, k) {
			return true
		}
	}
	return false
}

// The forms of text that are masked, in this order.
var (
	// user information of a URL: postgres://user:password@host
	userinfoForm = regexp.MustCompile(`://[^/?#\s"'@]*(?:@[^/?#\s"'@]*)*@`)
	// X-VERIFY: 64 hex digits, ###, the index (constant for a GET: failure matrix 0.5)
	checksumForm = regexp.MustCompile(`(?i)\b[0-9a-f]{64}###\d*`)
	// Authorization: Bearer x, Basic x
	bearerForm = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{4,}`)
	// key: value, key=value, "key":"value"
	pairForm = regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:salt[_.-]?key|secret|passw(?:or)?d|passphrase|token|authorization|cookie|x-verify|private[_.-]?key|api[_.-]?key)[a-z0-9_.-]*\\*"?\s*[:=]\s*)(\\*"(?:[^"\\]|\\.)*"?|\[[^\]]*\]|[^\s,;&"'}\])]+)`)
	// a compact JWS with a payload or without
	jwsForm = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{8,}`)
	// name@handle, also with the @ percent-encoded as in a upi:// link
	vpaForm = regexp.MustCompile(`([^\s@"'<>()\[\]{},;:=/?&#|\\]+?)(@|%40)([A-Za-z0-9][A-Za-z0-9.-]*)`)
	// a run of digits, or groups as they are embossed: 4-4-4-4, 4-6-5
	panForm = regexp.MustCompile(`\d{14,}|\d{4}([ -])\d{4}[ -]\d{4}[ -]\d{2,7}|\d{4}[ -]\d{6}[ -]\d{4,5}`)
)

// Scrub masks what may not be in a log (DESIGN 5), and leaves the rest as it
// is:
//
//   - payment addresses, to the first letter and the handle, as protocol.VPA
//     masks itself: "c***@upi". Mail addresses look the same and fare the same;
//   - card numbers, to the last four: 14 to 19 digits with a first digit and a
//     check digit that a card has (failure matrix T23). One in ten other
//     numbers of that form is masked with them;
//   - X-VERIFY checksums, JWS, bearer and basic credentials, user information
//     in URLs, and values beside a key such as saltKey or token.
//
// It is the last line, not the first: types that hold such things mask
// themselves, and nobody should put them into text.
func Scrub(s string) string {
	// Each form has a sign that is cheap to look for; most text has none.
	if strings.Contains(s, "://") {
		s = userinfoForm.ReplaceAllString(s, "://"+redacted+"@")
	}
	if strings.Contains(s, "###") {
		s = checksumForm.ReplaceAllString(s, redacted)
	}
	if strings.ContainsAny(s, " \t\r\n") {
		s = bearerForm.ReplaceAllString(s, "$1 "+redacted)
	}
	if strings.ContainsAny(s, ":=") {
		s = pairForm.ReplaceAllString(s, "${1}"+redacted)
	}
	if strings.Contains(s, "eyJ") {
		s = jwsForm.ReplaceAllString(s, redacted)
	}
	if strings.Contains(s, "@") || strings.Contains(s, "%40") {
		s = vpaForm.ReplaceAllStringFunc(s, maskVPA)
	}
	if manyDigits(s) {
		s = panForm.ReplaceAllStringFunc(s, maskPAN)
	}
	return s
}

func maskVPA(vpa string) string {
	m := vpaForm.FindStringSubmatch(vpa)
	_, size := utf8.DecodeRuneInString(m[1])
	return m[1][:size] + "***" + m[2] + m[3]
}

func maskPAN(digits string) string {
	bare := strings.NewReplacer(" ", "", "-", "").Replace(digits)
	if len(bare) > 19 || strings.IndexByte("234568", bare[0]) < 0 || !luhn(bare) {
		return digits
	}
	return redacted + bare[len(bare)-4:]
}

func manyDigits(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n >= 14
}

// luhn is the check digit of ISO/IEC 7812.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// maxDepth bounds the walk into a logged value.
const maxDepth = 6

// scrubAny makes a value of any type fit for the log: what masks itself by
// LogValue is asked, text is scrubbed, structs and maps become maps without the
// values of secret keys, bytes become their count. Numbers and times pass.
func scrubAny(v any) (fit any) {
	defer func() { // a value whose own method panics must not take the caller down
		if recover() != nil {
			fit = fmt.Sprintf("[%T that panics]", v)
		}
	}()
	return scrubValue(reflect.ValueOf(v), 0)
}

func scrubValue(v reflect.Value, depth int) any {
	if !v.IsValid() {
		return nil
	}
	if depth > maxDepth {
		return "..."
	}
	if v.CanInterface() {
		if said, ok := ownWords(v, depth); ok {
			return said
		}
	}
	switch v.Kind() {
	case reflect.String:
		return Scrub(v.String())
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		if v.CanInterface() {
			return v.Interface()
		}
		return fmt.Sprint(v)
	case reflect.Pointer, reflect.Interface:
		return scrubValue(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("[%d bytes]", v.Len())
		}
		list := make([]any, 0, v.Len())
		for i := range v.Len() {
			list = append(list, scrubValue(v.Index(i), depth+1))
		}
		return list
	case reflect.Map:
		m := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			key := fmt.Sprint(scrubValue(it.Key(), depth+1))
			m[key] = scrubField(key, it.Value(), depth)
		}
		return m
	case reflect.Struct:
		m := make(map[string]any, v.NumField())
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				m[f.Name] = scrubField(f.Name, v.Field(i), depth)
			}
		}
		return m
	default: // functions, channels: nothing to see
		return "[" + v.Type().String() + "]"
	}
}

func scrubField(key string, v reflect.Value, depth int) any {
	if secretKey(key) {
		return redacted
	}
	return scrubValue(v, depth+1)
}

// ownWords lets a value speak for itself, as slog would, and scrubs what it
// says. A nil pointer, which could not answer, is left to the walk.
func ownWords(v reflect.Value, depth int) (said any, ok bool) {
	if k := v.Kind(); (k == reflect.Pointer || k == reflect.Interface) && v.IsNil() {
		return nil, false
	}
	switch x := v.Interface().(type) {
	case slog.LogValuer:
		r := slog.AnyValue(x).Resolve()
		if r.Kind() == slog.KindGroup {
			m := map[string]any{}
			for _, a := range r.Group() {
				m[a.Key] = scrubField(a.Key, reflect.ValueOf(a.Value.Resolve().Any()), depth)
			}
			return m, true
		}
		if _, again := r.Any().(slog.LogValuer); again { // slog gave up on it
			return redacted, true
		}
		return scrubValue(reflect.ValueOf(r.Any()), depth+1), true
	case slog.Attr:
		return map[string]any{x.Key: scrubField(x.Key, reflect.ValueOf(x.Value), depth)}, true
	case error:
		return Scrub(x.Error()), true
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return Scrub("!ERROR " + err.Error()), true
		}
		return Scrub(string(text)), true
	case fmt.Formatter:
		return Scrub(fmt.Sprint(x)), true
	case fmt.Stringer:
		return Scrub(x.String()), true
	}
	return nil, false
}
