package agent_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// BenchmarkStart is the time from agent.Run, with an enrolment, to the idle screen
// on the glass: spool and keys are read, fonts loaded, the emulated panel reset and
// drawn, a broker on the loopback reached over TLS, the state asked for and its
// signature verified. The limit is 1 s.
func BenchmarkStart(b *testing.B) {
	w := newWorld(b, b.TempDir())
	var longest time.Duration
	for b.Loop() {
		begun := time.Now()
		w.on()
		w.wait("idle", idle)
		longest = max(longest, time.Since(begun))
		b.StopTimer()
		w.off()
		w.told(agent.Status{})
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/start")
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest")
	b.ReportMetric(0, "ns/op")
	if longest > time.Second {
		b.Errorf("a start took %v, of 1 s", longest)
	}
}

// BenchmarkResident is the resident memory of a process that is a terminal on an
// emulated panel and nothing else: idle, after one sale, after a hundred. The limit
// is 40 MB.
func BenchmarkResident(b *testing.B) {
	for _, n := range []int{0, 1, 100} {
		b.Run(fmt.Sprintf("sales=%d", n), func(b *testing.B) {
			most := 0
			for b.Loop() {
				w, pid := terminalProcess(b)
				w.reports(protocol.ModeIdle)
				if n > 0 {
					w.sell(n)
				}
				most = max(most, resident(b, pid))
			}
			b.ReportMetric(mega(most), "MB")
			b.ReportMetric(0, "ns/op")
			if most > residentLimit {
				b.Errorf("%d bytes, of %d", most, residentLimit)
			}
		})
	}
}

// BenchmarkBinary is the size of galla-agent as it is delivered, for each kind of
// device. The limit is 20 MB.
func BenchmarkBinary(b *testing.B) {
	for _, target := range []struct{ name, arch, arm string }{
		{"arm64", "arm64", ""}, {"armv6", "arm", "6"}, {"amd64", "amd64", ""},
	} {
		b.Run(target.name, func(b *testing.B) {
			out := filepath.Join(b.TempDir(), "galla-agent")
			for b.Loop() {
				cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./cmd/galla-agent")
				cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+target.arch, "GOARM="+target.arm)
				if text, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("go build: %v\n%s", err, text)
				}
			}
			info, err := os.Stat(out)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(mega(int(info.Size())), "MB")
			b.ReportMetric(0, "ns/op")
			if info.Size() > 20<<20 {
				b.Errorf("%d bytes, of 20 MB", info.Size())
			}
		})
	}
}
