package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/hack/testservers"
)

// sideBySide is how many sessions run at once at least, unless -parallel says.
const sideBySide = 10

// binaries is the folder that holds the programs under test, built once.
var binaries string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "galla-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binaries = dir
	// A session mostly waits: more of them fit side by side than there are cores.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		if err := parallel.Value.Set(strconv.Itoa(max(sideBySide, runtime.GOMAXPROCS(0)))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	for _, program := range []string{"controller/cmd/galla-controller", "agent/cmd/galla-agent", "firmware-sim/cmd/galla-sim"} {
		build := exec.Command("go", "build", "-o", dir+"/", "./"+program)
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building %s: %v\n%s", program, err, out)
			return 1
		}
	}
	return m.Run()
}

// TestSQLiteEmbedded runs every session on one machine's stack.
func TestSQLiteEmbedded(t *testing.T) {
	t.Parallel()
	sessions(t, false, func(t testing.TB, _ context.Context) *stack {
		return &stack{database: "sqlite:" + filepath.Join(t.TempDir(), "galla.db")}
	})
}

// TestPostgresMosquitto runs every session on the stack of a larger house. Each
// session has a broker of its own, which it may restart.
func TestPostgresMosquitto(t *testing.T) {
	t.Parallel()
	pg := testservers.SharedPostgres(t)
	sessions(t, true, func(t testing.TB, ctx context.Context) *stack {
		mosquitto, err := testservers.StartHardenedMosquitto(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(mosquitto.Stop)
		password := filepath.Join(t.TempDir(), "broker-password")
		if err := os.WriteFile(password, []byte(mosquitto.AdminPassword), 0o600); err != nil {
			t.Fatal(err)
		}
		return &stack{database: pg.NewDatabase(t), mosquitto: mosquitto, brokerPassword: password}
	})
}

// stack is what a controller runs on.
type stack struct {
	database       string
	mosquitto      *testservers.Mosquitto // nil: the embedded broker
	brokerPassword string
}

// sessions runs every script, on the stack of a larger house or on one machine's.
func sessions(t *testing.T, larger bool, build func(testing.TB, context.Context) *stack) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Condition: func(name string) (bool, error) {
			if name == "mosquitto" {
				return larger, nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			h := newHouse(tb, build(tb, context.Background()), env)
			env.Values[houseKey{}] = h
			env.Defer(h.stop)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"controller":   controllerCommand,
			"broker":       brokerCommand,
			"terminal":     terminalCommand,
			"power":        flip("power"),
			"network":      flip("network"),
			"flap":         flapCommand,
			"clock":        clockCommand,
			"left":         leftCommand,
			"pause":        pauseCommand,
			"resume":       resumeCommand,
			"reboot":       rebootCommand,
			"second":       secondCommand,
			"wake":         wakeCommand,
			"await":        awaitCommand,
			"never":        neverCommand,
			"stays":        staysCommand,
			"times":        timesCommand,
			"qr":           qrCommand,
			"qr-same":      sameCommand,
			"altered":      alteredCommand,
			"pos":          posCommand,
			"status":       statusCommand,
			"edc":          edcCommand,
			"open":         openCommand,
			"printed":      printedCommand,
			"cancel":       cancelCommand,
			"npci":         npciCommand,
			"books":        booksCommand,
			"collect":      collectCommand,
			"charge":       chargeCommand,
			"refund":       refundCommand,
			"refunds":      refundsCommand,
			"status3":      status3Command,
			"ours":         oursCommand,
			"keys":         keysCommand,
			"tap":          tapCommand,
			"race":         raceCommand,
			"customer":     customerCommand,
			"collide":      collideCommand,
			"certificates": certificatesCommand,
			"certified":    certifiedCommand,
			"till":         tillCommand,
			"signs":        signsCommand,
			"keep":         keepCommand,
			"says":         saysCommand,
			"metric":       metricCommand,
			"log":          logCommand,
			"examples":     examplesCommand,
			"catcher":      catcherCommand((*house).merchantServer),
			"callbacks":    callbacksCommand((*house).merchantServer),
			"desk":         catcherCommand((*house).deskServer),
			"forwarded":    callbacksCommand((*house).deskServer),
			"phone":        phoneCommand,
			"intruder":     intruderCommand,
			"forge":        forgeCommand,
			"balance":      balanceCommand,
			"closes":       closesCommand,
			"readme":       readmeCommand,
			"sample":       sampleCommand,
			"storm":        stormCommand,
			"agree":        agreeCommand,
			"buy":          buyCommand,
			"once":         onceCommand,
			"hold":         holdCommand,
			"accounts":     accountsCommand,
			"npci-kill":    npciKillCommand,
			"signer":       signerCommand,
			"settles":      settlesCommand,
			"trusted":      trustedCommand,
		},
	})
}
