package clock

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// today is when the tests happen: no clock says so but the one that is right.
var today = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// authority signs certificates of broker.example.
type authority struct {
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
	roots *x509.CertPool
}

func newAuthority(t testing.TB, from, to time.Time) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, roots: x509.NewCertPool()}
	a.cert = a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, NotBefore: from, NotAfter: to,
	})
	a.roots.AddCert(a.cert)
	return a
}

func (a *authority) sign(t testing.TB, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(1)
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// broker is a certificate of the broker.
func (a *authority) broker(t testing.TB, from, to time.Time) *x509.Certificate {
	t.Helper()
	return a.sign(t, &x509.Certificate{DNSNames: []string{"broker.example"}, NotBefore: from, NotAfter: to})
}

// verify is what a terminal does with one.
func (a *authority) verify(c *Clock, cert *x509.Certificate, host string) error {
	_, err := c.Verify([]*x509.Certificate{cert}, []*x509.Certificate{a.cert}, x509.VerifyOptions{Roots: a.roots, DNSName: host})
	return err
}

// at is a wall clock that stands.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// TestTheRule is the table of what a terminal knows and is shown. All but the
// wall clock is relative to today, in days.
func TestTheRule(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, today.Add(-5*year), today.Add(20*year))
	const never = 1 << 20 // not known
	for _, row := range []struct {
		name        string
		wall        time.Duration // from today
		floor, seen int
		from, to    int // of the certificate
		good        bool
	}{
		{"a clock that is right", 0, -30, -1, -60, 30, true},
		{"right, and nothing known", 0, never, never, -60, 30, true},
		{"right, and expired", 0, -60, -2, -91, -1, false},
		{"right, and expired while it was off for a fortnight", 0, -60, -14, -91, -1, false},
		{"right, and not yet valid: the authority's clock is early", 0, -30, -1, 1, 91, true},

		{"ten years late", -10 * year, -30, -1, -60, 30, true},
		{"of 1970", today.AddDate(-57, 0, 0).Sub(today), -30, -1, -60, 30, true},
		{"ten years late, nothing known", -10 * year, never, never, -60, 30, true},
		{"ten years late, renewed meanwhile", -10 * year, -90, -80, -20, 70, true},
		{"ten years late, expired by what is known", -10 * year, -30, -1, -91, -2, false},
		{"ten years late, expired before the floor", -10 * year, -30, never, -120, -31, false},
		{"an hour late, made a minute ago", -time.Hour, -30, -1, 0, 90, true},

		{"ten years early", 10 * year, -30, -1, -60, 30, true},
		{"ten years early, nothing known", 10 * year, never, never, -60, 30, true},
		{"ten years early, renewed meanwhile", 10 * year, -90, -80, -20, 70, true},
		{"ten years early, expired by what is known", 10 * year, -30, -1, -91, -2, false},
		{"ten years early, expired before the floor", 10 * year, -30, never, -120, -31, false},
		{"an hour early", time.Hour, -30, -1, -60, 30, true},
		{"a fortnight early, expired by it", 14 * day, -30, -1, -60, 7, false},
		{"a quarter early, expired by it", 91 * day, -30, -1, -60, 7, true},

		// A clock that once was nine years early while a certificate for ten years was
		// good has spoiled what was seen, not the floor.
		{"right, and what was seen is nonsense", 0, -30, 9 * 365, -60, 30, true},
		{"late, and what was seen is nonsense", -10 * year, -30, 9 * 365, -60, 30, false},
		{"early, and what was seen is nonsense", 10 * year, -30, 9 * 365, -60, 30, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := New(Config{Wall: at(today.Add(row.wall))})
			if row.floor != never {
				c.is.Floor = today.Add(time.Duration(row.floor) * day)
			}
			if row.seen != never {
				c.is.Seen = today.Add(time.Duration(row.seen) * day)
			}
			cert := a.broker(t, today.Add(time.Duration(row.from)*day), today.Add(time.Duration(row.to)*day))
			if err := a.verify(c, cert, "broker.example"); (err == nil) != row.good {
				t.Errorf("good %v: %v", row.good, err)
			}
		})
	}
}

// TestOnlyTheDateIsForgiven: whatever the wall clock says, a certificate with
// another name, of another authority or for another use is refused.
func TestOnlyTheDateIsForgiven(t *testing.T) {
	t.Parallel()
	ours, stranger := newAuthority(t, today.Add(-year), today.Add(year)), newAuthority(t, today.Add(-year), today.Add(year))
	for _, wall := range []time.Duration{0, -10 * year, 10 * year} {
		c := New(Config{Wall: at(today.Add(wall))})
		good := ours.broker(t, today.Add(-day), today.Add(day))
		if err := ours.verify(c, good, "broker.example"); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"another name":      ours.verify(c, good, "other.example"),
			"another authority": ours.verify(c, stranger.broker(t, today.Add(-day), today.Add(day)), "broker.example"),
			"for mail": ours.verify(c, ours.sign(t, &x509.Certificate{
				DNSNames: []string{"broker.example"}, NotBefore: today.Add(-day), NotAfter: today.Add(day),
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
			}), "broker.example"),
		} {
			if err == nil {
				t.Errorf("wall %v: %s is believed", wall, what)
			}
		}
	}
}

// TestAnAuthorityThatIsYoungerThanItsCertificate: tools make certificates that
// begin a little in the past, also when the authority is new.
func TestAnAuthorityThatIsYoungerThanItsCertificate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, today, today.Add(year))
	cert := a.broker(t, today.Add(-time.Hour), today.Add(day))
	for _, wall := range []time.Duration{0, -10 * year, 10 * year} {
		if err := a.verify(New(Config{Wall: at(today.Add(wall))}), cert, "broker.example"); err != nil {
			t.Errorf("wall %v: %v", wall, err)
		}
	}
}

// TestAStolenCertificateIsNotGoodForEver: whatever a terminal knows, whatever its
// wall clock says from one moment to the next, and however often it is rebooted,
// a certificate that has expired is believed for no longer than it had to live by
// what the terminal knew when it was first shown, counted in the time that the
// terminal runs, and a day of each run, which a power cut may forget.
func TestAStolenCertificateIsNotGoodForEver(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, today.Add(-20*year), today.Add(30*year))
	type try struct{ gap, wall time.Duration }
	rapid.Check(t, func(r *rapid.T) {
		life := time.Duration(rapid.IntRange(1, 400).Draw(r, "days it had")) * day
		left := time.Duration(rapid.IntRange(0, 400).Draw(r, "days it has left by what is known")) * day
		known := today.Add(-time.Duration(rapid.IntRange(0, 3000).Draw(r, "days off")) * day)
		stolen := a.broker(t, known.Add(left-life), known.Add(left))
		runs := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(r *rapid.T) try {
			return try{
				gap:  time.Duration(rapid.IntRange(1, 30*24).Draw(r, "hours")) * time.Hour,
				wall: time.Duration(rapid.IntRange(-20*365, 20*365).Draw(r, "wall")) * day,
			}
		}), 1, 30), 1, 6).Draw(r, "runs")
		var believed time.Duration // for so long, at least
		var bound time.Duration
		synctest.Test(t, func(*testing.T) {
			var disk []byte
			keep := func(b []byte) error { disk = b; return nil }
			New(Config{Built: known, Keep: keep}).Tick()
			ran := time.Duration(0)
			for i, tries := range runs {
				wall := today
				c := New(Config{Wall: func() time.Time { return wall }, Kept: disk, Keep: keep})
				for _, try := range tries {
					time.Sleep(try.gap)
					ran += try.gap
					c.Tick() // as a terminal does all the time, also while nobody connects
					wall = today.Add(try.wall)
					if wall.Before(stolen.NotAfter) && !wall.Before(c.now().Floor) {
						continue // by the clock on the wall it is good
					}
					if a.verify(c, stolen, "broker.example") == nil {
						believed, bound = ran, left+time.Duration(i+1)*keepEvery
					}
				}
			}
		})
		if believed > bound {
			r.Fatalf("believed after %v, and had %v to live", believed, left)
		}
	})
}

// TestTheDeviceRunsOn: the time that it runs counts, also over a power cut, and is
// written once a day.
func TestTheDeviceRunsOn(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, today.Add(-year), today.Add(year))
	synctest.Test(t, func(t *testing.T) {
		var disk []byte
		writes := 0
		cfg := Config{Wall: at(today.Add(-10 * year)), Built: today, Keep: func(b []byte) error {
			disk = b
			writes++
			return errors.New("read-only") // is no fault
		}}
		c := New(cfg)
		old := a.broker(t, today.Add(-day), today.Add(10*day))
		for range 9 * 24 * 60 {
			time.Sleep(time.Minute)
			c.Tick()
		}
		if writes < 9 || writes > 10 {
			t.Errorf("%d writes in nine days", writes)
		}
		if err := a.verify(c, old, "broker.example"); err != nil {
			t.Fatalf("a day before its end: %v", err)
		}
		cfg.Kept = disk
		c = New(cfg) // a power cut
		time.Sleep(3 * day)
		if err := a.verify(c, old, "broker.example"); err == nil {
			t.Error("it is believed after its end")
		}
		if now := c.Now(); now.Before(today.Add(11*day)) || now.After(today.Add(13*day)) {
			t.Errorf("it is %v", now)
		}
	})
}

// TestWhatACertificateTeaches: that it exists; and the wall clock, when it fits.
func TestWhatACertificateTeaches(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, today.Add(-year), today.Add(30*year))
	for _, row := range []struct {
		name        string
		wall        time.Duration
		floor, seen time.Time
	}{
		{"right", 0, today.Add(-day), today},
		{"late", -10 * year, today.Add(-day), time.Time{}},
		{"early, within its life", 9 * year, today.Add(-day), today.Add(9 * year)},
		{"early", 20 * year, today.Add(-day), time.Time{}},
	} {
		var disk []byte
		cfg := Config{Wall: at(today.Add(row.wall)), Built: today.Add(-2 * day), Keep: func(b []byte) error { disk = b; return nil }}
		synctest.Test(t, func(t *testing.T) {
			c := New(cfg)
			if err := a.verify(c, a.broker(t, today.Add(-day), today.Add(10*year)), "broker.example"); err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			cfg.Kept = disk
			if again := New(cfg); again.is != c.is || again.is != (times{row.floor, row.seen}) {
				t.Errorf("%s: knows %v, after a power cut %v", row.name, c.is, again.is)
			}
		})
	}
	for _, kept := range []string{"", "garbage", `{"floor":"soon"}`, "\x00\x00"} {
		if c := New(Config{Kept: []byte(kept), Built: today}); !c.is.Floor.Equal(today) {
			t.Errorf("%q: knows %v", kept, c.is)
		}
	}
}
