package main

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/fx"
)

// TestFXFlags: what may be said of exchange rates, and what refuses to start.
func TestFXFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url           string
		markup        int64
		every         time.Duration
		live, sandbox string // part of the error, "" for none
	}{
		{"", 0, time.Hour, "", ""},
		{"https://rates.example/latest?app_id=1", 250, time.Hour, "", ""},
		{"http://127.0.0.1:8080/", 10_000, time.Minute, "", ""}, {"http://[::1]/", 0, 12 * time.Hour, "", ""}, {"http://localhost/x", 0, time.Hour, "", ""},
		{"http://rates.example/", 0, time.Hour, "needs https://", ""}, {"http://10.0.0.1/", 0, time.Hour, "needs https://", ""},
		{"ftp://rates.example/", 0, time.Hour, "--fx-url", "--fx-url"}, {"rates.example", 0, time.Hour, "--fx-url", "--fx-url"},
		{"https://u:p@rates.example/", 0, time.Hour, "--fx-url", "--fx-url"}, {"https://rates.example/#x", 0, time.Hour, "--fx-url", "--fx-url"},
		{"https://%zz/", 0, time.Hour, "--fx-url", "--fx-url"}, {"https:///x", 0, time.Hour, "--fx-url", "--fx-url"},
		{"", -1, time.Hour, "--fx-markup", "--fx-markup"}, {"", 10_001, time.Hour, "--fx-markup", "--fx-markup"},
		{"", 0, time.Minute - 1, "--fx-every", "--fx-every"}, {"", 0, 12*time.Hour + 1, "--fx-every", "--fx-every"},
	} {
		f := fxFlags{FXURL: tt.url, FXMarkup: tt.markup, FXEvery: tt.every}
		for sandbox, want := range map[bool]string{false: tt.live, true: tt.sandbox} {
			source, err := f.newFX(sandbox, slog.New(slog.DiscardHandler), nil, nil)
			switch {
			case want == "" && (err != nil || source.Markup() != tt.markup):
				t.Errorf("%+v, sandbox %v: %v", f, sandbox, err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%+v, sandbox %v: %v, want %s", f, sandbox, err, want)
			}
		}
	}
}

// TestFXWithoutSource: the sandbox has rates of its own, nobody else has any.
func TestFXWithoutSource(t *testing.T) {
	t.Parallel()
	f := fxFlags{FXEvery: time.Hour}
	for _, sandbox := range []bool{false, true} {
		source, err := f.newFX(sandbox, slog.New(slog.DiscardHandler), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		rate, err := source.Rate(t.Context(), "USD")
		if sandbox && (err != nil || rate.String() != "83.5" || !rate.Fresh(time.Now())) {
			t.Errorf("in the sandbox a dollar is %s: %v", rate, err)
		}
		if !sandbox && !errors.Is(err, fx.ErrUnknownCurrency) {
			t.Errorf("outside it a dollar is %s: %v", rate, err)
		}
	}
}
