// Command galla-controller is the cloud side of Galla: it takes payment
// requests from billing POSes, puts them on terminals, and answers the UPI
// network.
//
// main only parses; each verb's Run does the work. This is the only place that
// sees every package.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set when linking: -X main.version=...
var version = "development"

const description = `Galla's controller: payment requests from billing POSes, terminals, UPI.

Examples:
  galla-controller serve --sandbox
  galla-controller serve --database postgres://galla@db/galla --broker mqtt://broker:1883
  galla-controller sign --path /v1/payment/init sale.json --curl
  galla-controller migrate --database postgres://galla@db/galla

Every flag can also be set as an environment variable (--mqtt-listen is
GALLA_MQTT_LISTEN) or in the file of --config (mqtt-listen = "..."): the flag
wins over the variable, the variable over the file.`

// cli is the command line.
type cli struct {
	Config  string           `help:"Read flags from this TOML file." placeholder:"FILE" env:"GALLA_CONFIG"`
	Version kong.VersionFlag `help:"Print the version and stop."`

	Serve   serveCommand   `cmd:"" help:"Serve the payment API, the terminals and the UPI network."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema up to date and stop."`
	adminVerbs
	SigningKey signingKeyVerbs `cmd:"" name:"signing-key" help:"Online signing keys: create, list, rotate, retire."`
	Payment    paymentVerbs    `cmd:"" help:"Look into payments, and settle those whose end nobody knows."`
	Callback   callbackVerbs   `cmd:"" help:"Look into the callbacks, and have them sent again."`
	Risk       riskVerbs       `cmd:"" help:"Risk rules: print those that hold, check a file."`
	Storage    storageCommand  `cmd:"" help:"Show how large each table is, and which months were detached."`
	Listen     listenCommand   `cmd:"" help:"Forward a merchant's callbacks to a server on this desk."`
	Sign       signCommand     `cmd:"" help:"Sign a request as a POS does; with --curl, as a command to paste."`
	Show       versionCommand  `cmd:"" name:"version" help:"Print the version and stop."`
}

type versionCommand struct {
	JSON bool `name:"json" help:"Print it as a JSON object."`
}

// Run prints the version.
func (v versionCommand) Run(out io.Writer) error {
	if v.JSON {
		_, err := fmt.Fprintf(out, "{\"program\":\"galla-controller\",\"version\":%q}\n", version)
		return err
	}
	_, err := fmt.Fprintln(out, "galla-controller", version)
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: exit code 0 ok, 1 failed, 2 wrong use, 3 not
// found, 4 not let in.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("galla-controller"), kong.Description(description),
		kong.DefaultEnvars("GALLA"), kong.Writers(stdout, stderr),
		kong.Vars{"version": "galla-controller " + version},
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if err != nil {
		fmt.Fprintln(stderr, "galla-controller:", err)
		return 1
	}
	defer func() {
		// kong ends the process after --help and --version; here that is a value.
		switch r := recover().(type) {
		case nil:
		case exit:
			code = int(r)
		default:
			panic(r)
		}
	}()
	verb, err := parse(parser, args)
	if err != nil {
		fmt.Fprintf(stderr, "galla-controller: %v (see galla-controller --help)\n", err)
		return 2
	}
	if err := verb.Run(); err != nil {
		// One clear line, however many a driver wrote.
		fmt.Fprintln(stderr, "galla-controller:", strings.Join(strings.Fields(err.Error()), " "))
		return exitCode(err)
	}
	return 0
}

// exit is the code that kong wants to end the process with.
type exit int
