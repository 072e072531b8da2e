package protocol

import (
	"encoding/json"
	"fmt"
)

// OpenState verifies a state signed by an online key and meant for id.
func OpenState(message []byte, keys PublicKeys, id Identity) (State, error) {
	var s State
	payload, err := keys.Open(message, PurposeDown)
	if err != nil {
		return s, err
	}
	if err := decode(payload, &s, &s.Header, id, TypeState); err != nil {
		return State{}, err
	}
	return s, nil
}

// Up is one message of a terminal: exactly one of the pointers is set.
type Up struct {
	Report    *Report // a report or a sync
	Heartbeat *Heartbeat
	Presence  *Presence
	Pull      *Pull
}

// OpenUp verifies a message that came on a topic of the terminal id, signed by
// that terminal's device key.
func OpenUp(message []byte, key PublicKeys, id Identity) (Up, error) {
	payload, err := key.Open(message, PurposeUp)
	if err != nil {
		return Up{}, err
	}
	var head Header
	if err := json.Unmarshal(payload, &head); err != nil {
		return Up{}, fmt.Errorf("%w: %v", ErrForm, err)
	}
	switch head.Type {
	case TypeReport, TypeSync:
		r := new(Report)
		err := decode(payload, r, &r.Header, id, head.Type)
		return Up{Report: r}, err
	case TypeHeartbeat:
		h := new(Heartbeat)
		err := decode(payload, h, &h.Header, id, head.Type)
		return Up{Heartbeat: h}, err
	case TypePresence:
		p := new(Presence)
		err := decode(payload, p, &p.Header, id, head.Type)
		return Up{Presence: p}, err
	case TypePull:
		p := new(Pull)
		err := decode(payload, p, &p.Header, id, head.Type)
		if err == nil && (!ValidID(p.PullID, 40) || len(p.PullID) < 8 || !ValidShortOrderID(p.ShortOrderID)) {
			return Up{}, fmt.Errorf("%w: a pull without a pull id or a short order id", ErrForm)
		}
		return Up{Pull: p}, err
	}
	return Up{}, fmt.Errorf("%w: type %q", ErrForm, head.Type)
}

func decode(payload []byte, into any, head *Header, id Identity, want Type) error {
	if err := json.Unmarshal(payload, into); err != nil {
		return fmt.Errorf("%w: %v", ErrForm, err)
	}
	switch {
	case head.V != Version:
		return fmt.Errorf("%w: %d, we speak %d", ErrVersion, head.V, Version)
	case head.Type != want:
		return fmt.Errorf("%w: type %q, want %q", ErrForm, head.Type, want)
	case head.Identity != id:
		return ErrNotForUs
	}
	return nil
}
