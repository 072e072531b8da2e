package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRoutes(t *testing.T) {
	t.Parallel()
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(text + r.PathValue("to"))) }
	}
	handler := web.Routes([]web.Route{
		{Method: "GET", Pattern: "/{$}", Serve: say("page")},
		{Method: "GET", Pattern: "/both", Serve: say("got")},
		{Method: "POST", Pattern: "/both", Serve: say("posted")},
		{Method: "POST", Pattern: "/power/{to}", Serve: say("power ")},
	})
	for _, tt := range []struct {
		method, path string
		status       int
		body         string // of a success, else the code of the failure
		allow        string
	}{
		{"GET", "/", 200, "page", ""},
		{"HEAD", "/", 200, "page", ""},
		{"GET", "/both", 200, "got", ""},
		{"POST", "/both", 200, "posted", ""},
		{"POST", "/power/off", 200, "power off", ""},
		{"POST", "/", 405, web.CodeMethod, "GET"},
		{"DELETE", "/both", 405, web.CodeMethod, "GET, POST"},
		{"GET", "/power/off", 405, web.CodeMethod, "POST"},
		{"HEAD", "/power/off", 405, web.CodeMethod, "POST"},
		{"GET", "/index.html", 404, web.CodeNotFound, ""},
		{"POST", "/power", 404, web.CodeNotFound, ""},
		{"POST", "/power/", 404, web.CodeNotFound, ""},
		{"POST", "/power/off/now", 404, web.CodeNotFound, ""},
		{"GET", "/bothsides", 404, web.CodeNotFound, ""},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
			if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
				t.Fatalf("answered %d, Allow %q; want %d, %q", w.Code, w.Header().Get("Allow"), tt.status, tt.allow)
			}
			if tt.status == 200 {
				if got := w.Body.String(); got != tt.body {
					t.Fatalf("body %q, want %q", got, tt.body)
				}
				return
			}
			var failure web.Failure
			if err := json.Unmarshal(w.Body.Bytes(), &failure); err != nil || failure.Code != tt.body || failure.Message == "" {
				t.Fatalf("body %q (%v), want the code %s", w.Body, err, tt.body)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
				t.Fatalf("Content-Type %q", got)
			}
		})
	}
}

// A stream ends with its server, and the server with its context.
func TestServeAndStream(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- web.Serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stream, err := web.OpenStream(w)
			if err == nil {
				err = stream.Send("state", struct {
					Mode string `json:"mode"`
				}{"idle\nready"})
			}
			if err == nil {
				err = stream.Ping()
			}
			if err != nil {
				t.Error(err)
			}
			<-r.Context().Done()
		}))
	}()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("Content-Type %q", got)
	}
	var lines []string
	for scan := bufio.NewScanner(answer.Body); scan.Scan(); {
		lines = append(lines, scan.Text())
		if scan.Text() == ": still here" {
			stop()
		}
	}
	want := "retry: 1000||event: state|data: {\"mode\":\"idle\\nready\"}||: still here|"
	if got := strings.Join(lines, "|"); got != want {
		t.Fatalf("stream %q, want %q", got, want)
	}
	if err := <-served; err != nil {
		t.Fatalf("Serve = %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Fatal("still listening")
	}
}

func TestServeSaysWhyItEnded(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := web.Serve(t.Context(), listener, http.NotFoundHandler()); err == nil {
		t.Fatal("Serve on a closed listener = nil")
	}
}

// The device template carries names of its terminal only as text.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	page, err := web.Page(`<main>{{template "device" .}}</main>`, web.Device{
		Base: "/terminals/1", Name: `<script>x</script>`, Where: `"here"`, Width: 240, Height: 320,
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(page), "<script>") || !strings.Contains(string(page), `data-base="/terminals/1"`) {
		t.Fatalf("page:\n%s", page)
	}
	if _, err := web.Page(`{{.Nothing`, nil); err == nil {
		t.Fatal("a broken page is rendered")
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	handler := web.Routes(web.Assets())
	for path, contentType := range map[string]string{
		"/base.css": "text/css; charset=utf-8", "/device.js": "text/javascript; charset=utf-8",
		"/tones.json": "application/json; charset=utf-8",
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 || w.Header().Get("Content-Type") != contentType || w.Body.Len() == 0 {
			t.Errorf("%s: %d, %q, %d bytes", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
		// Nothing on the pages comes from another host.
		if strings.Contains(w.Body.String(), "http:") || strings.Contains(w.Body.String(), "https:") {
			t.Errorf("%s names another host", path)
		}
	}
}
