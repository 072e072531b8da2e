package natsauth

import (
	"context"

	"github.com/nats-io/jwt/v2"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
)

// Answer is what a question gets; nil for none.
func (s *Service) Answer(ctx context.Context, question []byte) []byte { return s.answer(ctx, question) }

// SubjectOf is a topic as a subject.
func SubjectOf(topic string) string { return subjectOf(topic) }

// Permissions are a guest's.
func Permissions(guest brokerauth.Guest) jwt.Permissions { return permissions(guest) }
