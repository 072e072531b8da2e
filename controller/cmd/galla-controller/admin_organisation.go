package main

import (
	"context"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
)

type organisationVerbs struct {
	Create            organisationCreate  `cmd:"" help:"Create a UPI organisation."`
	List              organisationList    `cmd:"" help:"List organisations."`
	Show              organisationShow    `cmd:"" help:"Show an organisation with its certificates."`
	Update            organisationUpdate  `cmd:"" help:"Change what the flags name."`
	Certificates      certificateList     `cmd:"" help:"List the certificates of an organisation, and whether what they sign is taken now."`
	AddCertificate    certificateAdd      `cmd:"" help:"Add a certificate that it signs with."`
	RotateCertificate certificateRotate   `cmd:"" help:"Add its next certificate, and take away those that have ended; the live ones sign on."`
	RemoveCertificate certificateRemove   `cmd:"" help:"Take a certificate away."`
	Disable           organisationDisable `cmd:"" help:"Disable an organisation: its messages are a stranger's."`
	Enable            organisationEnable  `cmd:"" help:"Enable an organisation."`
}

type organisationID struct {
	ID string `arg:"" placeholder:"ORGANISATION" help:"The organisation's id, such as MER101."`
}

func (p organisationID) at(ctx context.Context, k *kong.Context, f adminFlags, do func(*desk) (admin.Organisation, error)) error {
	return f.work(ctx, k, "organisation", p.ID, func(d *desk) error {
		v, err := do(d)
		return show(d, v, err)
	})
}

// readCertificate reads a PEM file.
func readCertificate(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", &CodedError{Code: exitUsage, Err: fmt.Errorf("certificate: %w", err)}
	}
	return string(text), nil
}

type organisationCreate struct {
	organisationID
	DefaultPayee string   `env:"-" placeholder:"VPA" help:"Who is paid where its messages name nobody."`
	Unsigned     bool     `env:"-" help:"Its messages may come without a signature; in a sandbox alone."`
	Certificate  []string `env:"-" placeholder:"FILE" help:"A certificate (PEM) that it signs with; may be given again."`
	adminFlags
}

func (c organisationCreate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Organisation, error) {
		in := admin.NewOrganisation{OrganisationID: c.ID, DefaultPayee: c.DefaultPayee, Unsigned: c.Unsigned}
		for _, path := range c.Certificate {
			text, err := readCertificate(path)
			if err != nil {
				return admin.Organisation{}, err
			}
			in.Certificates = append(in.Certificates, text)
		}
		return d.CreateOrganisation(ctx, d.by, in)
	})
}

type organisationList struct{ adminFlags }

func (c organisationList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "organisation", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.Organisation], error) {
			return d.Organisations(ctx, after, admin.MaxLimit)
		})
	})
}

type organisationShow struct {
	organisationID
	adminFlags
}

func (c organisationShow) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Organisation, error) { return d.Organisation(ctx, c.ID) })
}

type organisationUpdate struct {
	organisationID
	DefaultPayee *string `env:"-" placeholder:"VPA" help:"Who is paid where its messages name nobody; an empty one takes it away."`
	Unsigned     *bool   `env:"-" negatable:"" help:"Whether its messages may come without a signature; in a sandbox alone."`
	adminFlags
}

func (c organisationUpdate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Organisation, error) {
		return d.UpdateOrganisation(ctx, d.by, c.ID, admin.OrganisationUpdate{DefaultPayee: c.DefaultPayee, Unsigned: c.Unsigned})
	})
}

type certificateAdd struct {
	organisationID
	File string `arg:"" help:"The certificate, PEM."`
	adminFlags
}

func (c certificateAdd) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Organisation, error) {
		text, err := readCertificate(c.File)
		if err != nil {
			return admin.Organisation{}, err
		}
		return d.AddCertificate(ctx, d.by, c.ID, admin.NewCertificate{Certificate: text})
	})
}

type certificateRotate struct {
	organisationID
	File string `arg:"" help:"The certificate, PEM."`
	adminFlags
}

func (c certificateRotate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Organisation, error) {
		text, err := readCertificate(c.File)
		if err != nil {
			return admin.Organisation{}, err
		}
		return d.RotateCertificate(ctx, d.by, c.ID, admin.NewCertificate{Certificate: text})
	})
}

type certificateList struct {
	organisationID
	adminFlags
}

func (c certificateList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "organisation", c.ID, func(d *desk) error {
		o, err := d.Organisation(ctx, c.ID)
		if err != nil {
			return err
		}
		rows := newRows[admin.Certificate](d.out)
		if err := rows.add(o.Certificates); err != nil {
			return err
		}
		return rows.end()
	})
}

type certificateRemove struct {
	organisationID
	Fingerprint string `arg:"" help:"Its SHA-256, as show prints it."`
	adminFlags
}

func (c certificateRemove) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Organisation, error) {
		return d.RemoveCertificate(ctx, d.by, c.ID, c.Fingerprint)
	})
}

type organisationDisable struct {
	organisationID
	adminFlags
}

func (c organisationDisable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Organisation, error) {
		return d.SetOrganisationActive(ctx, d.by, c.ID, false)
	})
}

type organisationEnable struct {
	organisationID
	adminFlags
}

func (c organisationEnable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Organisation, error) {
		return d.SetOrganisationActive(ctx, d.by, c.ID, true)
	})
}
