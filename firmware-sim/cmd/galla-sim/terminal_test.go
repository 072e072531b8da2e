package main

import (
	"context"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A companion that there is not is a usage error that names those that there are.
func TestTerminalCompanionUsage(t *testing.T) {
	t.Parallel()
	code, out, errOut := run(t, "terminal", "--companion", "st7789")
	if code != exitUsage || out != "" || !strings.Contains(errOut, `--companion "st7789": known are ssd1306`) {
		t.Fatalf("exit %d, out %q, err %q", code, out, errOut)
	}
}

// The flags give a terminal what they say: paper, a companion, and keys whose
// contacts are pressed.
func TestTerminalEquipped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, errOut := newOutput(), newOutput()
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"terminal", "--listen", "127.0.0.1:0", "--controller", "http://127.0.0.1:1/",
			"--panel", "ili9488", "--companion", "ssd1306", "--wired"}, out, errOut)
	}()
	page := strings.TrimSpace(out.await(t, `http://127\.0\.0\.1:\d+/\n`))
	if _, body := get(t, page); !strings.Contains(body, "ili9488 320x480") || !strings.Contains(body, `width="128" height="64"`) {
		t.Errorf("the page lacks panel or companion:\n%s", body)
	}
	if status, body := get(t, page+"companion.png"); status != 200 || !strings.HasPrefix(body, "\x89PNG") {
		t.Errorf("the companion = %d %.40q", status, body)
	}
	// Its agent has to be there before a contact is looked at.
	late := time.After(20 * time.Second)
	for pressed := false; !pressed; {
		answer, err := http.Post(page+"keys/7", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusNoContent:
			pressed = true
		case http.StatusServiceUnavailable:
		default:
			t.Fatalf("a key = %d", answer.StatusCode)
		}
		select {
		case <-late:
			t.Fatal("no key is taken")
		default:
		}
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Fatalf("exit %d\n%s", code, errOut)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

// README names every verb there is.
func TestReadmeHasEveryVerb(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	verbs := 0
	for field := range reflect.TypeFor[cli]().Fields() {
		if _, ok := field.Tag.Lookup("cmd"); !ok {
			continue
		}
		verb := field.Tag.Get("name")
		if verb == "" {
			verb = strings.ToLower(field.Name)
		}
		verbs++
		if text := string(readme); !strings.Contains(text, "| `"+verb+"`") && !strings.Contains(text, "| `"+verb+" ") {
			t.Errorf("README does not name %s", verb)
		}
	}
	if verbs < 5 {
		t.Errorf("there are only %d verbs", verbs)
	}
}
