package admin

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/protocol"
)

// Organisation is a member of the UPI network as it is shown.
type Organisation struct {
	OrganisationID string `json:"organisationId"`
	Active         bool   `json:"active"`
	DefaultPayee   string `json:"defaultPayee,omitempty"`
	// Unsigned: its messages may come without a signature, in a sandbox.
	Unsigned     bool          `json:"unsigned"`
	Certificates []Certificate `json:"certificates"`
}

// Certificate is one that an organisation may sign with.
type Certificate struct {
	// Fingerprint is the SHA-256 of the certificate, in hex.
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	// State is "live": what it signs is taken; "pending" (not yet), "ended", or
	// "unreadable", which vouches for nobody.
	State string `json:"state"`
}

// NewOrganisation is an organisation to be made.
type NewOrganisation struct {
	OrganisationID string   `json:"organisationId"`
	DefaultPayee   string   `json:"defaultPayee"`
	Unsigned       bool     `json:"unsigned"`
	Certificates   []string `json:"certificates"` // PEM
}

// OrganisationUpdate changes what it names; nil leaves a field as it is.
type OrganisationUpdate struct {
	DefaultPayee *string `json:"defaultPayee"`
	Unsigned     *bool   `json:"unsigned"`
}

// NewCertificate is a certificate to be added.
type NewCertificate struct {
	Certificate string `json:"certificate"` // PEM
}

// minRSA is the smallest key that counts, in bits; the signatures of the network
// are RSA (upi-switch: Signatures).
const minRSA = 2048

// parseCertificate reads one PEM certificate and nothing beside it.
func parseCertificate(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("must be a certificate in PEM")
	}
	if more, _ := pem.Decode(rest); more != nil {
		return nil, errors.New("must be one certificate, not several")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("is a certificate that cannot be read")
	}
	if key, isRSA := cert.PublicKey.(*rsa.PublicKey); !isRSA || key.N.BitLen() < minRSA {
		return nil, errors.New("must have an RSA key of 2048 bits or more")
	}
	return cert, nil
}

func armored(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// viewCertificate says of a certificate what the doors make of it at now: they
// take it from its first to its last moment, both included.
func viewCertificate(now time.Time, text string) Certificate {
	cert, err := parseCertificate(text)
	if err != nil {
		sum := sha256.Sum256([]byte(text))
		return Certificate{Fingerprint: hex.EncodeToString(sum[:]), Subject: "a certificate that cannot be read", State: "unreadable"}
	}
	sum := sha256.Sum256(cert.Raw)
	v := Certificate{
		Fingerprint: hex.EncodeToString(sum[:]), Subject: cert.Subject.String(), NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(),
		State: "live",
	}
	switch {
	case now.After(cert.NotAfter):
		v.State = "ended"
	case now.Before(cert.NotBefore):
		v.State = "pending"
	}
	return v
}

func viewOrganisation(now time.Time) func(record.Organisation) Organisation {
	return func(o record.Organisation) Organisation {
		v := Organisation{
			OrganisationID: o.ID, Active: o.Active, DefaultPayee: string(o.DefaultPayee), Unsigned: o.Unsigned, Certificates: []Certificate{},
		}
		for _, text := range o.Certificates {
			v.Certificates = append(v.Certificates, viewCertificate(now, text))
		}
		return v
	}
}

func checkOrganisation(o record.Organisation) error {
	var c checks
	c.id("organisationId", o.ID)
	if o.DefaultPayee != "" {
		c.vpa("defaultPayee", o.DefaultPayee)
	}
	c.that(len(o.Certificates) <= maxCertificates, "certificates", "must be at most 10")
	return c.err
}

// addCertificate adds a PEM certificate that is not there yet.
func addCertificate(o *record.Organisation, field, text string) error {
	cert, err := parseCertificate(text)
	if err != nil {
		return Invalid(field, err.Error())
	}
	clean := armored(cert)
	if slices.Contains(o.Certificates, clean) {
		return Exists("certificate like this")
	}
	o.Certificates = append(slices.Clone(o.Certificates), clean)
	return checkOrganisation(*o)
}

// CreateOrganisation makes an organisation, active.
func (s *Service) CreateOrganisation(ctx context.Context, by By, in NewOrganisation) (Organisation, error) {
	var row record.Organisation
	row.ID, row.DefaultPayee, row.Unsigned, row.Active = in.OrganisationID, lowerVPA(in.DefaultPayee), in.Unsigned, true
	if err := checkOrganisation(row); err != nil {
		return Organisation{}, err
	}
	for _, text := range in.Certificates {
		if err := addCertificate(&row, "certificates", text); err != nil {
			return Organisation{}, err
		}
	}
	var made Organisation
	err := s.change(ctx, record.Needs{Organisations: []string{row.ID}}, func(snap record.Snapshot) (record.Changes, error) {
		made = viewOrganisation(snap.Now)(row)
		if _, taken := snap.Organisations[row.ID]; taken {
			return record.Changes{}, Exists("organisation " + row.ID)
		}
		return record.Changes{
			NewOrganisations: []record.Organisation{row},
			Audit:            []record.Entry{by.did(snap, "organisation.create", row.ID, nil, made)},
		}, nil
	})
	return made, err
}

// UpdateOrganisation changes an organisation.
func (s *Service) UpdateOrganisation(ctx context.Context, by By, id string, u OrganisationUpdate) (Organisation, error) {
	return s.organisation(ctx, by, "organisation.update", id, func(o *record.Organisation, _ time.Time) error {
		set(&o.Unsigned, u.Unsigned)
		if u.DefaultPayee != nil {
			o.DefaultPayee = lowerVPA(*u.DefaultPayee)
		}
		return checkOrganisation(*o)
	})
}

// SetOrganisationActive enables or disables an organisation. Messages of a
// disabled one are refused as a stranger's.
func (s *Service) SetOrganisationActive(ctx context.Context, by By, id string, active bool) (Organisation, error) {
	return s.organisation(ctx, by, "organisation."+activity(active), id, func(o *record.Organisation, _ time.Time) error {
		o.Active = active
		return nil
	})
}

// AddCertificate adds a certificate; any of them may have signed a message.
func (s *Service) AddCertificate(ctx context.Context, by By, id string, in NewCertificate) (Organisation, error) {
	return s.organisation(ctx, by, "organisation.add-certificate", id, func(o *record.Organisation, _ time.Time) error {
		return addCertificate(o, "certificate", in.Certificate)
	})
}

// RotateCertificate adds the certificate that comes next and takes away those
// that have ended. Those that are live sign on until they end or are removed, so
// that the organisation may change over when it likes. A certificate that has
// ended itself is refused.
func (s *Service) RotateCertificate(ctx context.Context, by By, id string, in NewCertificate) (Organisation, error) {
	return s.organisation(ctx, by, "organisation.rotate-certificate", id, func(o *record.Organisation, now time.Time) error {
		if viewCertificate(now, in.Certificate).State == "ended" {
			return Invalid("certificate", "has ended already")
		}
		o.Certificates = slices.DeleteFunc(slices.Clone(o.Certificates), func(text string) bool {
			return viewCertificate(now, text).State == "ended"
		})
		return addCertificate(o, "certificate", in.Certificate)
	})
}

// RemoveCertificate takes a certificate away, by its fingerprint.
func (s *Service) RemoveCertificate(ctx context.Context, by By, id, fingerprint string) (Organisation, error) {
	return s.organisation(ctx, by, "organisation.remove-certificate", id, func(o *record.Organisation, now time.Time) error {
		kept := slices.DeleteFunc(slices.Clone(o.Certificates), func(text string) bool {
			return viewCertificate(now, text).Fingerprint == fingerprint
		})
		if len(kept) == len(o.Certificates) {
			return NotFound("certificate of that fingerprint")
		}
		if o.Certificates = kept; len(kept) == 0 {
			o.Certificates = nil
		}
		return nil
	})
}

// organisation changes an organisation that must be there; change is told what
// time it is.
func (s *Service) organisation(ctx context.Context, by By, action, id string, change func(*record.Organisation, time.Time) error) (Organisation, error) {
	if !protocol.ValidID(id, MaxID) {
		return Organisation{}, NotFound("such organisation")
	}
	var shown Organisation
	err := s.change(ctx, record.Needs{Organisations: []string{id}}, func(snap record.Snapshot) (record.Changes, error) {
		row, ok := snap.Organisations[id]
		if !ok {
			return record.Changes{}, NotFound("organisation " + id)
		}
		changed := row
		view := viewOrganisation(snap.Now)
		err := change(&changed, snap.Now)
		if shown = view(changed); err != nil || reflect.DeepEqual(changed, row) {
			return record.Changes{}, err
		}
		return record.Changes{
			Organisations: []record.Organisation{changed},
			Audit:         []record.Entry{by.did(snap, action, id, view(row), shown)},
		}, nil
	})
	return shown, err
}

// Organisation shows an organisation.
func (s *Service) Organisation(ctx context.Context, id string) (Organisation, error) {
	if !protocol.ValidID(id, MaxID) {
		return Organisation{}, NotFound("such organisation")
	}
	snap, err := s.store.Look(ctx, record.Needs{Organisations: []string{id}})
	if err != nil {
		return Organisation{}, err
	}
	if row, ok := snap.Organisations[id]; ok {
		return viewOrganisation(snap.Now)(row), nil
	}
	return Organisation{}, NotFound("organisation " + id)
}

// Organisations lists organisations.
func (s *Service) Organisations(ctx context.Context, after string, limit int) (Page[Organisation], error) {
	p, err := page(nil, after, 1, limit)
	if err != nil {
		return Page[Organisation]{}, err
	}
	now, err := s.store.Now(ctx)
	if err != nil {
		return Page[Organisation]{}, err
	}
	rows, err := s.store.OrganisationPage(ctx, p)
	return pageOf(rows, limit, viewOrganisation(now), func(o record.Organisation) string { return o.ID }), err
}
