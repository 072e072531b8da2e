package deviceapi_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/deviceapi"
)

// TestGuessingIsBounded: an address has twenty tries and then one a second; the
// answer says when to come again, and then it is so. Others are not held up.
func TestGuessingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newCodeDoor(t, deviceapi.Config{})
		try := func(address string) (int, time.Duration) {
			r := bring("2222-2222-2222", "thief")
			r.RemoteAddr = address + ":40000"
			r.Header.Set("X-Forwarded-For", fmt.Sprint("198.51.100.", time.Now().UnixNano()%250)) // says nothing
			w := d.send(r)
			seconds, _ := strconv.Atoi(w.Header().Get("Retry-After"))
			return w.Code, time.Duration(seconds) * time.Second
		}
		for i := range 20 {
			if code, _ := try("192.0.2.7"); code != http.StatusForbidden {
				t.Fatalf("try %d: %d", i, code)
			}
		}
		for range 100 {
			code, wait := try("192.0.2.7")
			if code != http.StatusTooManyRequests || wait != time.Second {
				t.Fatalf("%d, wait %v", code, wait)
			}
		}
		if code, _ := try("192.0.2.8"); code != http.StatusForbidden {
			t.Errorf("a neighbour is answered %d", code)
		}
		for range 5 {
			time.Sleep(time.Second)
			if code, _ := try("192.0.2.7"); code != http.StatusForbidden {
				t.Errorf("after waiting: %d", code)
			}
			if code, _ := try("192.0.2.7"); code != http.StatusTooManyRequests {
				t.Errorf("again at once: %d", code)
			}
		}
		// One line of a provider has many IPv6 addresses.
		refused := 0
		for i := range 40 {
			if code, _ := try(fmt.Sprintf("[2001:db8:1:2::%x]", i)); code == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 20 {
			t.Errorf("%d of 40 tries from one IPv6 network are refused", refused)
		}
		// A crowd of addresses, each with one try, has 200 and then 200 a second.
		time.Sleep(time.Minute)
		taken := 0
		for i := range 1000 {
			if code, _ := try(fmt.Sprintf("10.0.%d.%d", i/250, i%250)); code == http.StatusForbidden {
				taken++
			}
		}
		time.Sleep(time.Second)
		for i := range 1000 {
			if code, _ := try(fmt.Sprintf("10.1.%d.%d", i/250, i%250)); code == http.StatusForbidden {
				taken++
			}
		}
		if taken != 400 {
			t.Errorf("%d tries of a crowd were taken within a second", taken)
		}
	})
}
