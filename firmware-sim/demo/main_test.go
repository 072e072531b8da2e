package demo

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the program that the tests of controller.Keep start: the
// test binary itself, told by its first argument what to be.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "be-controller" {
		beController(os.Args[2], os.Args[3:])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		// As Run starts it: the address is the value of --listen.
		beController("works", os.Args[slices.Index(os.Args, "--listen")+1:])
		return
	}
	goleak.VerifyTestMain(m)
}

// beController is a process that behaves as a controller's process can.
func beController(how string, args []string) {
	fmt.Println("starting", how, os.Getenv("GALLA_DATABASE"), args)
	f, err := os.OpenFile("was-here", os.O_CREATE|os.O_EXCL, 0o600)
	first := err == nil
	_ = f.Close()
	switch {
	case how == "is killed at its first start" && first:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case how == "dies", how == "starts once" && !first:
		fmt.Fprintln(os.Stderr, "cannot open the database")
		os.Exit(3)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/readyz":
				w.WriteHeader(http.StatusOK)
			case "/die":
				os.Exit(5)
			}
		}))
	}()
	for {
		<-term
		if how != "ignores SIGTERM" {
			fmt.Println("stopped in order")
			os.Exit(0)
		}
	}
}
