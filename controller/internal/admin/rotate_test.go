package admin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// TestWhenACertificateCounts: from its first to its last moment, both included,
// as the doors take it.
func TestWhenACertificateCounts(t *testing.T) {
	t.Parallel()
	from, to := noon, noon.Add(time.Hour)
	text := certificateOf(t, "an hour", from, to)
	for _, row := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"before", from.Add(-time.Nanosecond), "pending"},
		{"the first moment", from, "live"},
		{"the last moment", to, "live"},
		{"after", to.Add(time.Nanosecond), "ended"},
	} {
		got := admin.ViewCertificate(row.at, text)
		want := admin.Certificate{Fingerprint: sha256Hex(t, text), Subject: "CN=an hour", NotBefore: from, NotAfter: to, State: row.want}
		if got != want {
			t.Errorf("%s: %+v, want %+v", row.name, got, want)
		}
	}
	if got := admin.ViewCertificate(noon, "no certificate"); got.State != "unreadable" || len(got.Fingerprint) != 64 || got.Subject == "" {
		t.Errorf("what cannot be read is shown as %+v", got)
	}
}

// TestCertificateRotation: two are live at once while an organisation changes
// over; a rotation takes away what has ended, refuses what has, and is seen in the
// audit log; a certificate may be there before its time.
func TestCertificateRotation(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s, ctx, now := admin.NewService(db), t.Context(), time.Now()
		ended := certificateOf(t, "ended", now.Add(-2*time.Hour), now.Add(-time.Hour))
		pending := certificateOf(t, "pending", now.Add(24*time.Hour), now.Add(48*time.Hour))
		_, err := s.CreateOrganisation(ctx, me, admin.NewOrganisation{OrganisationID: "BANK1", Certificates: []string{ended, certificate(t, "one")}})
		is(t, "create", err, "", "")
		states := func(name string, o admin.Organisation, err error, want string) {
			t.Helper()
			is(t, name, err, "", "")
			var got []string
			for _, c := range o.Certificates {
				got = append(got, strings.TrimPrefix(c.Subject, "CN=")+" "+c.State)
			}
			if text := strings.Join(got, ", "); text != want {
				t.Errorf("%s: %s, want %s", name, text, want)
			}
		}
		shown, err := s.Organisation(ctx, "BANK1")
		states("show", shown, err, "ended ended, one live")
		page, err := s.Organisations(ctx, "", admin.MaxLimit)
		states("list", page.Items[0], err, "ended ended, one live")

		rotated, err := s.RotateCertificate(ctx, me, "BANK1", admin.NewCertificate{Certificate: certificate(t, "two")})
		states("rotate", rotated, err, "one live, two live")
		if o, _ := directory(t, db).Organisation("BANK1"); len(o.Certificates) != 2 {
			t.Errorf("the doors have %d certificates while two are live", len(o.Certificates))
		}
		rotated, err = s.RotateCertificate(ctx, me, "BANK1", admin.NewCertificate{Certificate: pending})
		states("rotate ahead of time", rotated, err, "one live, two live, pending pending")

		for name, row := range map[string]struct {
			text  string
			code  admin.Code
			field string
		}{
			"one that has ended":     {ended, admin.CodeInvalid, "certificate"},
			"one that is there":      {certificate(t, "two"), admin.CodeExists, ""},
			"what is no certificate": {"PEM", admin.CodeInvalid, "certificate"},
		} {
			_, err := s.RotateCertificate(ctx, me, "BANK1", admin.NewCertificate{Certificate: row.text})
			is(t, name, err, row.code, row.field)
		}
		_, err = s.RotateCertificate(ctx, me, "BANK9", admin.NewCertificate{Certificate: certificate(t, "two")})
		is(t, "nobody's", err, admin.CodeNotFound, "")
		shown, err = s.Organisation(ctx, "BANK1")
		states("after what was refused", shown, err, "one live, two live, pending pending")

		left, err := s.RemoveCertificate(ctx, me, "BANK1", sha256Hex(t, certificate(t, "one")))
		states("remove", left, err, "two live, pending pending")
		var log []string
		for _, e := range auditOf(t, s) {
			log = append(log, e.Action)
		}
		if got, want := fmt.Sprint(log), "[organisation.create organisation.rotate-certificate organisation.rotate-certificate organisation.remove-certificate]"; got != want {
			t.Errorf("the audit log has %s, want %s", got, want)
		}
	})
}

// TestMostCertificates: an organisation has ten at most; a rotation makes room by
// those that have ended, and is refused where all are live. What a storage has
// that cannot be read is kept, shown, and may be removed.
func TestMostCertificates(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s, ctx, now := admin.NewService(db), t.Context(), time.Now()
		texts := []string{certificateOf(t, "ended", now.Add(-2*time.Hour), now.Add(-time.Hour))}
		for n := range 8 {
			texts = append(texts, certificate(t, fmt.Sprint("live ", n)))
		}
		if err := db.Seed(ctx, merchant.Data{Organisations: []merchant.Organisation{{ID: "BANK1", Certificates: append(texts, "not PEM")}}}); err != nil {
			t.Fatal(err)
		}
		_, err := s.AddCertificate(ctx, me, "BANK1", admin.NewCertificate{Certificate: certificate(t, "one")})
		is(t, "an eleventh", err, admin.CodeInvalid, "certificates")
		o, err := s.RotateCertificate(ctx, me, "BANK1", admin.NewCertificate{Certificate: certificate(t, "one")})
		is(t, "the tenth", err, "", "")
		if len(o.Certificates) != 10 || o.Certificates[8].State != "unreadable" {
			t.Fatalf("%+v", o)
		}
		_, err = s.RotateCertificate(ctx, me, "BANK1", admin.NewCertificate{Certificate: certificate(t, "two")})
		is(t, "an eleventh that is live", err, admin.CodeInvalid, "certificates")
		o, err = s.RemoveCertificate(ctx, me, "BANK1", o.Certificates[8].Fingerprint)
		is(t, "the unreadable one", err, "", "")
		if len(o.Certificates) != 9 {
			t.Errorf("%+v", o)
		}
		snap, err := db.Look(ctx, record.Needs{Organisations: []string{"BANK1"}})
		if err != nil || len(snap.Organisations["BANK1"].Certificates) != 9 {
			t.Errorf("%+v %v", snap.Organisations["BANK1"], err)
		}
	})
}
