package broker

import (
	"net"
	"testing"
	"time"
)

func TestFlapsAllowTwentyAtOnceThenOneEveryThreeSeconds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	var f flaps
	for n := range 20 {
		if !f.take(now) {
			t.Fatalf("takeover %d refused", n+1)
		}
	}
	for _, row := range []struct {
		after time.Duration // since the row before
		want  bool
	}{
		{0, false},
		{3*time.Second - 1, false},
		{1, true}, // 3 s
		{0, false},
		{6 * time.Second, true},
		{0, true},
		{0, false},
		{-time.Hour, false}, // a clock that is set back gives nothing
		{time.Hour + 3*time.Second, true},
		{0, false},
	} {
		now = now.Add(row.after)
		if got := f.take(now); got != row.want {
			t.Errorf("at %s after %s: %v, want %v", now.Format(time.StampNano), row.after, got, row.want)
		}
	}
	now = now.Add(24 * time.Hour)
	for n := range 21 {
		if got, want := f.take(now), n < 20; got != want {
			t.Errorf("a day later, takeover %d: %v, want %v", n+1, got, want)
		}
	}
}

func TestAddressesCountByCustomer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 1}, "192.0.2.7/32"},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.7"), Port: 2}, "192.0.2.7/32"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:3:4:5:6"), Port: 3}, "2001:db8:1:2::/64"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:ffff::1"), Port: 4}, "2001:db8:1:2::/64"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 5}, "fe80::/64"},
		{&net.UnixAddr{Name: "x", Net: "unix"}, "invalid Prefix"},
	} {
		if got := addressOf(row.addr).String(); got != row.want {
			t.Errorf("addressOf(%v) = %s, want %s", row.addr, got, row.want)
		}
	}
}

// TestAdmit: caps for one address and for all, over sockets that wait.
func TestAdmit(t *testing.T) {
	t.Parallel()
	tab := newTable(Config{MaxTerminals: 10, MaxWaiting: 3, MaxWaitingPerAddress: 2})
	socketFrom := func(ip string) *socket {
		return &socket{address: addressOf(&net.TCPAddr{IP: net.ParseIP(ip)})}
	}
	a1, a2, a3 := socketFrom("192.0.2.1"), socketFrom("192.0.2.1"), socketFrom("192.0.2.1")
	b1, b2 := socketFrom("192.0.2.2"), socketFrom("192.0.2.2")
	for _, row := range []struct {
		name string
		do   func() Reason
		want Reason
		wait int
	}{
		{"first of A", func() Reason { return tab.admit(a1) }, "", 1},
		{"second of A", func() Reason { return tab.admit(a2) }, "", 2},
		{"third of A", func() Reason { return tab.admit(a3) }, ReasonAddress, 2},
		{"first of B", func() Reason { return tab.admit(b1) }, "", 3},
		{"second of B", func() Reason { return tab.admit(b2) }, ReasonWaiting, 3},
		{"A logs in", func() Reason { tab.loggedIn(a1); return "" }, "", 2},
		{"A logs in, again", func() Reason { tab.loggedIn(a1); return "" }, "", 2},
		{"third of A, again", func() Reason { return tab.admit(a3) }, "", 3},
		{"B leaves", func() Reason { tab.leave(b1); return "" }, "", 2},
		{"A, logged in, leaves", func() Reason { tab.leave(a1); return "" }, "", 2},
		{"all of A leave", func() Reason { tab.leave(a2); tab.leave(a3); return "" }, "", 0},
		{"closed", func() Reason { tab.closing = true; return tab.admit(b1) }, ReasonClosing, 0},
	} {
		if got := row.do(); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		if _, waiting := tab.counts(); waiting != row.wait {
			t.Errorf("%s: %d wait, want %d", row.name, waiting, row.wait)
		}
	}
	if len(tab.address) != 0 || len(tab.sockets) != 0 {
		t.Errorf("left behind: %v %v", tab.address, tab.sockets)
	}
}
