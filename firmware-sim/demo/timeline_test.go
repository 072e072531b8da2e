package demo

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		line := NewTimeline(&out)
		line.Add(whoController, "", "ready after %d ms", 12)
		time.Sleep(250 * time.Millisecond)
		line.Add(whoTill, "TXN-1", "asks")
		time.Sleep(1234 * time.Millisecond)
		line.Add(whoPhone, "TXN-1", "pays")
		line.Add(whoTill, "TXN-2", "asks")
		// synctest's time begins at midnight UTC 2000-01-01.
		midnight := time.Now().Truncate(24 * time.Hour)
		at := func(ms int) string {
			return midnight.Add(time.Duration(ms) * time.Millisecond).Local().Format("15:04:05.000")
		}
		want := at(0) + "              controller     ready after 12 ms\n" +
			at(250) + "       +0 ms  till           TXN-1  asks\n" +
			at(1484) + "    +1234 ms  phone          TXN-1  pays\n" +
			at(1484) + "       +0 ms  till           TXN-2  asks\n"
		if out.String() != want {
			t.Fatalf("written:\n%s\nwant:\n%s", out.String(), want)
		}
		entries, changed := line.After(1)
		if len(entries) != 3 || entries[0].N != 2 || entries[1].SinceMs != 1234 {
			t.Fatalf("After(1) = %+v", entries)
		}
		if entries, _ := line.After(4); len(entries) != 0 {
			t.Fatalf("After(4) = %+v", entries)
		}
		select {
		case <-changed:
			t.Fatal("changed without a change")
		default:
		}
		line.Add(whoTill, "", "more")
		<-changed
	})
}

// A page that comes late is told the newest, with their numbers.
func TestTimelineKeepsTheNewest(t *testing.T) {
	t.Parallel()
	line := NewTimeline(&bytes.Buffer{})
	for range keepEntries + 7 {
		line.Add(whoTill, "", "asks")
	}
	entries, _ := line.After(0)
	if len(entries) != keepEntries || entries[0].N != 8 || entries[keepEntries-1].N != keepEntries+7 {
		t.Fatalf("kept %d, %d to %d", len(entries), entries[0].N, entries[len(entries)-1].N)
	}
	if entries, _ = line.After(keepEntries + 5); len(entries) != 2 {
		t.Fatalf("After = %+v", entries)
	}
	// A page that saw another run of the demo asks for what is not there yet.
	if entries, _ = line.After(1_000_000); len(entries) != 0 {
		t.Fatalf("After(1000000) = %d entries", len(entries))
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	first, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	taken := first.Addr().String()
	second, err := listen(taken)
	if err != nil {
		t.Fatalf("a port in use is not replaced: %v", err)
	}
	defer second.Close()
	if got := second.Addr().String(); got == taken || !strings.HasPrefix(got, "127.0.0.1:") {
		t.Fatalf("replaced by %s", got)
	}
	for _, bad := range []string{"nowhere", "203.0.113.1:80", "127.0.0.1:99999"} {
		if l, err := listen(bad); err == nil {
			_ = l.Close()
			t.Errorf("listen(%q) succeeds", bad)
		}
	}
}

func TestFreeAddresses(t *testing.T) {
	t.Parallel()
	got, err := FreeAddresses("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil || len(got) != 3 || got[0] == got[1] || got[1] == got[2] || got[0] == got[2] {
		t.Fatalf("freeAddresses = %v, %v", got, err)
	}
	for _, address := range got {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatalf("%s is not free: %v", address, err)
		}
		_ = l.Close()
	}
	if _, err := FreeAddresses("127.0.0.1:0", "nowhere"); err == nil {
		t.Fatal("a bad address is accepted")
	}
}

func TestNextPort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address string
		n       int
		want    string
	}{
		{"127.0.0.1:8090", 0, "127.0.0.1:8090"},
		{"127.0.0.1:8090", 1, "127.0.0.1:8091"},
		{"[::1]:8090", 1, "[::1]:8091"},
		{"127.0.0.1:0", 1, "127.0.0.1:0"},
		{"nonsense", 1, "nonsense"},
		{"127.0.0.1:http", 1, "127.0.0.1:http"},
	} {
		if got := nextPort(tt.address, tt.n); got != tt.want {
			t.Errorf("nextPort(%s, %d) = %s, want %s", tt.address, tt.n, got, tt.want)
		}
	}
}
