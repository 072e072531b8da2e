package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/hack/testservers"
)

// sideBySide is how many sessions run at once at least, unless -parallel says: a session
// mostly waits.
const sideBySide = 10

// binaries is the folder that holds the programs under test, built once.
var binaries string

func TestMain(m *testing.M) {
	if file := os.Getenv(nodeVariable); file != "" {
		os.Exit(natsNode(file))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "galla-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binaries = dir
	if err := testservers.SideBySide(sideBySide); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, program := range []string{"controller/cmd/galla-controller", "agent/cmd/galla-agent", "firmware-sim/cmd/galla-sim"} {
		build := exec.Command("go", "build", fmt.Sprintf("-race=%v", raced), "-o", dir+"/", "./"+program)
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
	sessions(t, "", nil, func(t testing.TB, _ context.Context) *stack {
		return &stack{database: "sqlite:" + filepath.Join(t.TempDir(), "galla.db")}
	})
}

// TestPostgresMosquitto runs every session on the stack of a larger house. Each
// session has a broker of its own, which it may restart.
func TestPostgresMosquitto(t *testing.T) {
	t.Parallel()
	pg := testservers.SharedPostgres(t)
	sessions(t, "mosquitto", nil, func(t testing.TB, ctx context.Context) *stack {
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

// TestPostgresNATS runs what is about a cluster of brokers, and about who may come in
// at one, with three nodes of NATS.
func TestPostgresNATS(t *testing.T) {
	t.Parallel()
	pg := testservers.SharedPostgres(t)
	files := []string{"testdata/nats_cluster.txt", "testdata/intruders.txt", "testdata/revoked.txt", "testdata/stolen.txt"}
	sessions(t, "nats", files, func(t testing.TB, ctx context.Context) *stack {
		return &stack{database: pg.NewDatabase(t), nats: newNATS(t, ctx)}
	})
}

// stack is what a controller runs on.
type stack struct {
	database       string
	mosquitto      *testservers.Mosquitto // nil: another broker
	brokerPassword string
	nats           *natsCluster // nil, too: the embedded broker
}

// embedded reports whether the broker is in the controller, of which there is one
// then.
func (s *stack) embedded() bool { return s.mosquitto == nil && s.nats == nil }

// brokers are those that a session can ask for as a condition.
var brokers = []string{"mosquitto", "nats"}

// sessions runs scripts, every one unless files says which, on a stack with that
// broker of its own, or "".
func sessions(t *testing.T, broker string, files []string, build func(testing.TB, context.Context) *stack) {
	dir := "testdata"
	if files != nil {
		dir = ""
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, Files: files,
		Condition: func(name string) (bool, error) {
			switch {
			case slices.Contains(brokers, name):
				return broker == name, nil
			case name == "raced": // everything is several times as slow
				return raced, nil
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
			"first":        firstCommand,
			"node":         nodeCommand,
			"trade":        tradeCommand,
			"fleet":        fleetCommand,
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
