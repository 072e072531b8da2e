package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/agent/internal/doctor"
)

// opener is how the line to the card reader is opened; nothing is opened yet.
func (c cardConfig) opener() (cardlink.Opener, error) {
	if c.Reader == "" {
		return nil, fmt.Errorf("card.reader is missing: a serial device or tcp://HOST:PORT")
	}
	var open cardlink.Opener
	var err error
	if strings.Contains(c.Reader, "://") {
		if c.Baud != 0 {
			return nil, fmt.Errorf("card.baud: %s has no speed", c.Reader)
		}
		open, err = cardlink.Address(c.Reader)
	} else {
		if open, err = cardlink.Port(c.Reader, c.Baud); err != nil && c.Baud != 0 {
			return nil, fmt.Errorf("card.baud: %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("card.reader: %w", err)
	}
	return open, nil
}

func (c *config) checkCard() error {
	if c.Card == nil {
		return nil
	}
	_, err := c.Card.opener()
	return err
}

// openCard begins to keep the line to the card reader open. That nobody is at its
// other end is seen, and told, when a card is wanted.
func (c *config) openCard(p *parts, log *slog.Logger) error {
	if c.Card == nil {
		return nil
	}
	open, err := c.Card.opener()
	if err != nil {
		return err
	}
	reader := cardlink.New(cardlink.Config{Open: open, Log: log})
	p.Card = reader
	p.closing = append(p.closing, reader.Close)
	return nil
}

// card is the check of the card reader.
func (c *config) card(ctx context.Context) doctor.Finding {
	open, err := c.Card.opener()
	if err != nil {
		return doctor.CannotOpen(err, "correct card.reader in the configuration")
	}
	reader := cardlink.New(cardlink.Config{Open: open})
	defer reader.Close()
	doing, err := reader.Check(ctx)
	if err != nil {
		return doctor.CannotOpen(fmt.Errorf("%s: %w", c.Card.Reader, err), "switch the reader on, and look at its cable and at card.reader in the configuration")
	}
	return doctor.CardReader(c.Card.Reader, string(doing))
}
