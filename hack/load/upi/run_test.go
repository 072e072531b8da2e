package upi

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"
)

// TestWrongUse: what makes no sense is refused before anything is started.
func TestWrongUse(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"-rate x": "invalid value", "-rate 0": "want 1 to 100000 a second", "-rate 1e9": "want 1 to 100000 a second", "-from -1": "want 1 to 100000 a second",
		"-for 1ms": "want 1s to 1h", "-step 2h": "want 1s to 1h", "-wait 1ms": "want 1s or more", "-connections 0": "want 1 or more",
		"-gaps odd": "want poisson or even", "-signed -answers rsa512": "want rsa or p256", "-answers p256": "-answers needs -signed", "now": `"now" is no flag`, "-target https://h:1": "want http://HOST:PORT", "-target h:1": "want http://HOST:PORT",
		"-target http://h": "want http://HOST:PORT", "-target http://h:1/x": "want http://HOST:PORT",
		"-target http://h:1 -signed": "a controller that is started here", "-target http://h:1 -profile x": "a controller that is started here",
		"-knee -profile x": "not with -knee", "-nosuch": "flag provided but not defined",
	} {
		if err := Run(t.Context(), strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestUse(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	if err := Run(t.Context(), []string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "-knee") || !strings.Contains(help.String(), "10,000 a second for 20 s") {
		t.Errorf("%v\n%s", err, &help)
	}
	for args, want := range map[string]command{
		"":                                   {options: options{gaps: poisson, answers: answerRSA, most: 1024, limit: 5 * time.Second}, rate: 10_000, length: 20 * time.Second, from: 1000, step: 5 * time.Second},
		"-signed -knee":                      {options: options{gaps: poisson, answers: answerRSA, most: 1024, limit: 5 * time.Second, signed: true}, rate: 10_000, length: 20 * time.Second, knee: true, from: 100, step: 5 * time.Second},
		"-profile x -gaps even -rate 7":      {options: options{gaps: even, answers: answerRSA, most: 1024, limit: 5 * time.Second, profiled: true}, rate: 7, length: 20 * time.Second, from: 1000, step: 5 * time.Second, profileTo: "x"},
		"-target http://h:1/ -wait 1m -json": {options: options{gaps: poisson, answers: answerRSA, most: 1024, limit: time.Minute, target: "h:1"}, rate: 10_000, length: 20 * time.Second, from: 1000, step: 5 * time.Second, json: true},
	} {
		if got, err := parse(strings.Fields(args), io.Discard); err != nil || got != want {
			t.Errorf("%s: %+v %v", args, got, err)
		}
	}
}

// TestStoppedEarly: a load that is stopped while it starts says so and leaves
// nothing.
func TestStoppedEarly(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := Run(ctx, []string{"-rate", "10", "-for", "1s", "-controller", "/nonexistent"}, io.Discard); err == nil {
		t.Error("it ran")
	}
}
