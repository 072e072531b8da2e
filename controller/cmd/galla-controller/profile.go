package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"
)

// profileFlags open the door for whoever wants to know where the time goes.
type profileFlags struct {
	PprofListen string `placeholder:"127.0.0.1:PORT" help:"Serve Go's profiles (CPU, heap, block, mutex) on this loopback address; they show what is in memory. Default: nowhere."`
}

// blockRate samples one blocking event for so many nanoseconds that were waited.
const blockRate = 10_000

// openProfile listens, or returns nil where nobody asked for it. Only loopback is
// taken: a profile may hold secrets, and the door asks nobody who he is.
func (f profileFlags) openProfile() (net.Listener, error) {
	if f.PprofListen == "" {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(f.PprofListen)
	if err != nil {
		return nil, fmt.Errorf("--pprof-listen: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("--pprof-listen %s: only a loopback address such as 127.0.0.1:6060; reach it through ssh -L", f.PprofListen)
	}
	l, err := net.Listen("tcp", f.PprofListen)
	if err != nil {
		return nil, fmt.Errorf("--pprof-listen: %w", err)
	}
	return l, nil
}

// serveProfile serves /debug/pprof/ until ctx ends.
func serveProfile(ctx context.Context, l net.Listener, log *slog.Logger) {
	runtime.SetBlockProfileRate(blockRate)
	runtime.SetMutexProfileFraction(100)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	log.Info("profiles", "url", "http://"+l.Addr().String()+"/debug/pprof/")
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Error("profiles are not served any more", "error", err)
	}
}
