package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// Role is what a token may do. Each may what those before it may.
type Role string

// The roles. Values are in the database: never change one.
const (
	// RoleViewer reads.
	RoleViewer Role = "viewer"
	// RoleOperator works with terminals, callbacks and payments.
	RoleOperator Role = "operator"
	// RoleAdmin changes everything.
	RoleAdmin Role = "admin"
)

// Roles are all of them, from the least to the most.
func Roles() []Role { return []Role{RoleViewer, RoleOperator, RoleAdmin} }

// May reports whether a role is enough where least is asked for.
func (r Role) May(least Role) bool {
	has, wants := slices.Index(Roles(), r), slices.Index(Roles(), least)
	return has >= 0 && wants >= 0 && has >= wants
}

// tokenMark begins every token, so that one that lies about is known for what it
// is.
const tokenMark = "galla_admin_"

// Token is a token as it is shown: never its text.
type Token struct {
	Name      string     `json:"name"`
	Role      Role       `json:"role"`
	CreatedAt time.Time  `json:"createdAt"`
	CreatedBy string     `json:"createdBy"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
}

// MadeToken is a token that was made, with its text: the only time it is told.
type MadeToken struct {
	Token
	Text merchant.Secret `json:"token"`
}

// NewToken is a token to be made.
type NewToken struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

func viewToken(t record.Token) Token {
	return Token{Name: t.Name, Role: Role(t.Role), CreatedAt: t.CreatedAt.UTC(), CreatedBy: t.CreatedBy, RevokedAt: shown(t.RevokedAt)}
}

// CreateToken makes a token of 256 random bits. A name is never used again, so
// that the audit log stays true.
func (s *Service) CreateToken(ctx context.Context, by By, in NewToken) (MadeToken, error) {
	var c checks
	c.id("name", in.Name)
	c.that(slices.Contains(Roles(), Role(in.Role)), "role", "must be viewer, operator or admin")
	if c.err != nil {
		return MadeToken{}, c.err
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	text := tokenMark + base64.RawURLEncoding.EncodeToString(random[:])
	hash := sha256.Sum256([]byte(text))
	row := record.Token{Name: in.Name, Role: in.Role, Hash: hash[:], CreatedBy: by.Actor}
	err := s.change(ctx, record.Needs{Tokens: []string{in.Name}}, func(snap record.Snapshot) (record.Changes, error) {
		if _, taken := snap.Tokens[in.Name]; taken {
			return record.Changes{}, Exists("token " + in.Name)
		}
		row.CreatedAt = snap.Now
		return record.Changes{
			NewTokens: []record.Token{row},
			Audit:     []record.Entry{by.did(snap, "token.create", row.Name, nil, viewToken(row))},
		}, nil
	})
	if err != nil {
		return MadeToken{}, err
	}
	return MadeToken{Token: viewToken(row), Text: merchant.Secret(text)}, nil
}

// RevokeToken makes a token worth nothing, at once and for ever.
func (s *Service) RevokeToken(ctx context.Context, by By, name string) (Token, error) {
	if !protocol.ValidID(name, MaxID) {
		return Token{}, NotFound("such token")
	}
	var row record.Token
	err := s.change(ctx, record.Needs{Tokens: []string{name}}, func(snap record.Snapshot) (record.Changes, error) {
		var ok bool
		if row, ok = snap.Tokens[name]; !ok {
			return record.Changes{}, NotFound("token " + name)
		}
		if !row.RevokedAt.IsZero() {
			return record.Changes{}, nil
		}
		before := viewToken(row)
		row.RevokedAt = snap.Now
		return record.Changes{
			Tokens: []record.Token{row},
			Audit:  []record.Entry{by.did(snap, "token.revoke", name, before, viewToken(row))},
		}, nil
	})
	return viewToken(row), err
}

// Token shows a token.
func (s *Service) Token(ctx context.Context, name string) (Token, error) {
	if !protocol.ValidID(name, MaxID) {
		return Token{}, NotFound("such token")
	}
	snap, err := s.store.Look(ctx, record.Needs{Tokens: []string{name}})
	if err != nil {
		return Token{}, err
	}
	if row, ok := snap.Tokens[name]; ok {
		return viewToken(row), nil
	}
	return Token{}, NotFound("token " + name)
}

// Tokens lists tokens, revoked ones too.
func (s *Service) Tokens(ctx context.Context, after string, limit int) (Page[Token], error) {
	p, err := page(nil, after, 1, limit)
	if err != nil {
		return Page[Token]{}, err
	}
	rows, err := s.store.TokenPage(ctx, p)
	return pageOf(rows, limit, viewToken, func(t record.Token) string { return t.Name }), err
}

// Authenticate finds whose token a text is. Whatever is wrong with it, it is one
// and the same answer after the same work: UNAUTHORIZED. Other errors are the
// storage's.
func (s *Service) Authenticate(ctx context.Context, text string) (Token, error) {
	hash := sha256.Sum256([]byte(text))
	row, err := s.store.TokenByHash(ctx, hash[:])
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return Token{}, err
	}
	good := subtle.ConstantTimeCompare(row.Hash, hash[:])
	if good != 1 || !row.RevokedAt.IsZero() {
		return Token{}, &Problem{Code: CodeUnauthorized, Detail: "The request needs the header Authorization: Bearer and a token that is good."}
	}
	return viewToken(row), nil
}

func asProblem(err error, p **Problem) bool { return errors.As(err, p) }
