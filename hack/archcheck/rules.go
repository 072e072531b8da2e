package main

// prefix is the module prefix of everything that is ours.
const prefix = "github.com/galla-pay/galla/"

// rule says what some packages never import, directly or through other packages
// of ours. What a stranger's library does inside is its own business, unless the
// rule is deep.
//
// Patterns: a path of ours is written without the module prefix, a stranger's
// path in full; "x/..." means x and all below it. Two words stand for many:
// "ours" is every package of this project, "strangers" every package that is
// neither ours nor in the standard library.
type rule struct {
	from   []string
	never  []string
	except []string // what never says too broadly; a package may always import below itself
	deep   bool     // through strangers too: nothing of it may end up in the program
	tests  bool     // the rule binds test files too
	why    string
}

// Lists that several rules share; functions, so that nobody can change them.

func doors() []string {
	return []string{
		"controller/internal/payapi/...", "controller/internal/upiapi/...", "controller/internal/console/...",
		"controller/internal/mqttlink/...", "controller/internal/callback/...", "controller/internal/eventapi/...",
		"controller/internal/admin", "controller/internal/deviceapi/...", "controller/internal/brokerauth/...",
		"controller/internal/network/...", "controller/internal/apidoc/...",
	}
}

func storages() []string {
	return []string{"controller/internal/postgres/...", "controller/internal/sqlite/..."}
}

func sqlLibraries() []string {
	return []string{"database/sql", "github.com/jackc/pgx/...", "modernc.org/sqlite/...", "github.com/pressly/goose/..."}
}

func nouns() []string {
	return []string{
		"controller/internal/payment/...", "controller/internal/quote/...",
		"controller/internal/merchant/...", "controller/internal/fleet/...", "controller/internal/risk/...",
	}
}

// purePackages only compute. They may not ask for the time either (clock.go).
func purePackages() []string {
	return join(nouns(), []string{"controller/internal/decide/...", "agent/internal/machine/...", "agent/internal/screen/..."})
}

func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// houseRules is DESIGN 2, "Rules of the house". A package named here that is not
// written yet breaks nothing.
var houseRules = []rule{
	{from: doors(), never: doors(),
		why: "a door never imports another door: what two doors need belongs to the nouns or to decide"},
	{from: doors(), never: join(storages(), sqlLibraries()),
		why: "doors know decisions, not SQL and not where rows are kept"},
	{from: nouns(), never: []string{"ours", "strangers"}, except: []string{"protocol/..."},
		why: "the nouns of the trade import only protocol"},
	{from: []string{"controller/internal/decide/..."}, never: []string{"ours", "strangers"}, except: join(nouns(), []string{"protocol/..."}),
		why: "decide imports the nouns and protocol, nothing else"},
	{from: purePackages(), never: []string{"net", "net/http", "database/sql", "os", "os/exec", "math/rand", "math/rand/v2", "crypto/rand"},
		why: "a pure package computes: no network, no database, no files, no dice"},
	{from: []string{"controller/internal/journal/..."}, never: join(doors(), storages(), sqlLibraries(), []string{"net/http"}),
		why: "the journal runs decisions for any storage and any door, and knows neither"},
	{from: storages(), never: join(doors(), []string{"net/http"}),
		why: "storages load and save; they never know who asked"},
	{from: []string{"agent/..."}, never: []string{"github.com/gin-gonic/gin/...", "github.com/jackc/pgx/...", "modernc.org/sqlite/...", "database/sql", "controller/...", "firmware-sim/..."},
		deep: true, tests: true,
		why: "the device is small: no web framework, no database, nothing of the cloud side"},
	{from: []string{"agent", "agent/panel/...", "agent/board/...", "agent/signals/...", "agent/cardlink/...", "agent/internal/..."}, never: []string{"periph.io/x/host/...", "periph.io/x/conn/v3/spi/spireg", "periph.io/x/conn/v3/gpio/gpioreg"},
		why: "hardware is handed in opened; only the agent's command opens it by name"},
	{from: []string{"controller/..."}, never: []string{"agent/...", "firmware-sim/..."}, tests: true,
		why: "controller and agent meet only in protocol"},
	{from: []string{"firmware-sim/..."}, never: []string{"controller/..."}, tests: true,
		why: "firmware-sim meets the controller only over HTTP and MQTT"},
	{from: []string{"protocol/..."}, never: []string{"ours", "strangers"}, except: []string{"protocol/...", "github.com/go-jose/go-jose/v4/..."}, deep: true,
		why: "protocol is the standard library and go-jose only"},
	{from: []string{"controller/cmd/...", "agent/cmd/...", "firmware-sim/cmd/..."}, never: []string{"hack/..."},
		why: "hack helps developers; no program that is shipped holds it"},
	{from: []string{"controller/cmd/...", "agent/cmd/...", "firmware-sim/cmd/..."}, never: []string{"firmware-sim/terminal/webtest/...", "protocol/cardlink/cardlinktest/..."},
		why: "what tests are made of stays out of what is shipped"},
	{from: []string{"controller/cmd/...", "agent/cmd/..."}, never: []string{"testing", "controller/internal/storagetest/...", "agent/panel/paneltest/...", "agent/board/boardtest/..."},
		why: "what tests are made of stays out of what is shipped"},
}

// publicPackages may be imported by other projects. All other packages of the
// three product modules are internal or commands, except firmware-sim's, which
// are nobody's import, and hack's.
var publicPackages = []string{"agent", "agent/panel/...", "agent/board/...", "agent/signals/...", "agent/cardlink/...", "protocol/...", "firmware-sim/...", "hack/..."}
