package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Route is one thing that a server does. Pattern is a path of http.ServeMux,
// without a method.
type Route struct {
	Method  string
	Pattern string
	Serve   http.HandlerFunc
}

// Routes serves table. A path that is not in it is answered 404, a method that
// its path does not have 405 with the ones it has; both as JSON. GET also
// answers HEAD.
func Routes(table []Route) http.Handler {
	methods := map[string]map[string]http.HandlerFunc{}
	for _, route := range table {
		if methods[route.Pattern] == nil {
			methods[route.Pattern] = map[string]http.HandlerFunc{}
		}
		methods[route.Pattern][route.Method] = route.Serve
	}
	mux := http.NewServeMux()
	for pattern, serve := range methods {
		allowed := slices.Sorted(maps.Keys(serve))
		if serve[http.MethodGet] != nil {
			serve[http.MethodHead] = serve[http.MethodGet]
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			handler, ok := serve[r.Method]
			if !ok {
				w.Header().Set("Allow", strings.Join(allowed, ", "))
				Fail(w, http.StatusMethodNotAllowed, CodeMethod,
					fmt.Sprintf("%s takes %s, not %s", r.URL.Path, strings.Join(allowed, " or "), r.Method))
				return
			}
			handler(w, r)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		Fail(w, http.StatusNotFound, CodeNotFound, fmt.Sprintf("there is no %s here", r.URL.Path))
	})
	return mux
}

// Failure is the JSON of a refused request.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Fail answers a request that is refused.
func Fail(w http.ResponseWriter, status int, code, message string) {
	JSON(w, status, Failure{Code: code, Message: message})
}

// JSON answers with v.
func JSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"code":"INTERNAL","message":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// Asset serves one embedded file.
func Asset(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(content)
	}
}
