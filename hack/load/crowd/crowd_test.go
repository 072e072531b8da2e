package crowd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// A small crowd through all parts, with the real controller killed under its sales:
// every state is signed, every sale arrives or ends with a reason.
func TestASmallCrowd(t *testing.T) {
	t.Parallel()
	r, err := Measure(t.Context(), Options{
		Terminals: 40, Rate: 20, For: time.Second, Idle: 500 * time.Millisecond, Verify: true, Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Sales{"undisturbed": r.Sales, "through the kill": r.Herd.Sales} {
		if s.Asked == 0 || s.Accepted == 0 || s.Arrived == 0 || len(s.Refused) != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		if s.Lost != 0 || s.Twice != 0 {
			t.Errorf("%s: %d sales lost (%v), %d twice on glass", name, s.Lost, s.lost, s.Twice)
		}
		if ended := s.Arrived + total(s.Ended) + s.Lost; ended != s.Asked {
			t.Errorf("%s: it is known of %d what became of them, of %d: %+v", name, ended, s.Asked, s)
		}
	}
	if r.Sales.Unknown != 0 || r.Sales.Accepted != r.Sales.Arrived {
		t.Errorf("undisturbed, some did not arrive: %+v", r.Sales)
	}
	if r.Strange != 0 {
		t.Errorf("%d sales came to terminals that did not ask for them", r.Strange)
	}
	if r.Storm.Synced <= 0 || r.Herd.Synced < r.Herd.Ready || r.Memory.Idle.Heap == 0 || r.Memory.Again.Stacks == 0 {
		t.Errorf("something was not measured: %+v", r)
	}
	var text bytes.Buffer
	if err := r.print(&text); err != nil || !strings.Contains(text.String(), "lost 0") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

func total(of map[string]int) (n int) {
	for _, each := range of {
		n += each
	}
	return n
}

// What a terminal signs by hand is what package protocol signs and opens.
func TestSignedAsTheProtocolDoes(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key := protocol.NewSigningKey(private)
	s, err := newSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	id := identities(1)[0]
	says := protocol.Report{
		Header: protocol.Header{V: protocol.Version, Type: protocol.TypeReport, Identity: id}, Session: "S1", Epoch: "E1", AckSeq: 3,
		Mode: protocol.ModePresenting, Facts: []protocol.Fact{{N: 1, Kind: protocol.FactPresented, PaymentID: "P", PayMode: protocol.PayDQR}},
	}
	signed, err := s.sign(says)
	if err != nil {
		t.Fatal(err)
	}
	up, err := protocol.OpenUp(signed, protocol.PublicKeys{key.ID: private.Public().(ed25519.PublicKey)}, id)
	if err != nil || up.Report == nil || !reflect.DeepEqual(*up.Report, says) {
		t.Errorf("%+v, %v", up.Report, err)
	}
}

// A state is read with and without a look at its signature, a key set is none.
func TestStatesAreRead(t *testing.T) {
	t.Parallel()
	keys := map[string]protocol.SigningKey{}
	for _, name := range []string{"root", "online", "thief"} {
		_, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = protocol.NewSigningKey(private)
	}
	public := func(name string) ed25519.PublicKey { return keys[name].Private.Public().(ed25519.PublicKey) }
	set, err := protocol.SignKeySet(keys["root"], 1, public("online"))
	if err != nil {
		t.Fatal(err)
	}
	id := identities(1)[0]
	wanted := protocol.State{Header: protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: id}, Seq: 7}
	signed := map[string][]byte{}
	for _, by := range []string{"online", "thief"} {
		if signed[by], err = keys[by].Sign(protocol.PurposeDown, wanted); err != nil {
			t.Fatal(err)
		}
	}
	belief := &trust{root: public("root")}
	if _, isState, err := belief.open(set, id); isState || err != nil {
		t.Errorf("a key set: state %v, %v", isState, err)
	}
	if got, isState, err := belief.open(signed["online"], id); !isState || err != nil || got.Seq != 7 {
		t.Errorf("a state: %+v, %v, %v", got, isState, err)
	}
	if _, _, err := belief.open(signed["thief"], id); !errors.Is(err, protocol.ErrUnknownKey) {
		t.Errorf("a forged state: %v", err)
	}
	if got, isState, err := peek(signed["thief"]); !isState || err != nil || got.Seq != 7 {
		t.Errorf("a state, unseen who signed it: %+v, %v, %v", got, isState, err)
	}
	if _, isState, err := peek(set); isState || err != nil {
		t.Errorf("a key set, unseen: state %v, %v", isState, err)
	}
	if _, _, err := peek([]byte("no.jws")); err == nil {
		t.Error("half a message is read")
	}
}

// What a sale is that did not arrive.
func TestWhatIsLost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, init string
		is         standing
		ended      string // "": it is lost
	}{
		{"replaced", accepted, answerOf(accepted, "FAILED", "SUPERSEDED"), "FAILED SUPERSEDED"},
		{"expired", accepted, answerOf(accepted, "EXPIRED", "EXPIRED"), "EXPIRED EXPIRED"},
		{"still open", accepted, answerOf(accepted, "PENDING", ""), ""},
		{"promised, and nobody knows it", accepted, answerOf("INVALID_TRANSACTION_ID", "", ""), ""},
		{"not promised, and nobody knows it", unknown, answerOf("INVALID_TRANSACTION_ID", "", ""), "never accepted"},
		{"not promised, and open", unknown, answerOf(accepted, "PENDING", ""), ""},
		{"its terminal is away", accepted, answerOf(accepted, "PENDING", ""), "waits for a terminal that is not back"},
		{"not promised, and ended", unknown, answerOf(accepted, "FAILED", "SUPERSEDED"), "FAILED SUPERSEDED"},
	} {
		r := Sales{Ended: map[string]int{}}
		r.judge(&sale{at: &terminal{id: identities(1)[0]}, code: test.init}, test.is, test.name != "its terminal is away")
		if lost := test.ended == ""; lost != (r.Lost == 1) || !lost && r.Ended[test.ended] != 1 {
			t.Errorf("%s: lost %d, ended %v", test.name, r.Lost, r.Ended)
		}
	}
}

func answerOf(code, status, reason string) (s standing) {
	s.Code, s.Data.Status, s.Data.ResponseCode = code, status, reason
	return s
}

func TestReadingProc(t *testing.T) {
	t.Parallel()
	if got, err := residentOf([]byte("Name:\tx\nVmRSS:\t  1234 kB\nThreads:\t3\n")); got != 1234<<10 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if _, err := residentOf([]byte("Name:\tx\n")); err == nil {
		t.Error("memory is read where there is none")
	}
	if got, err := cpuOf([]byte("12 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0")); got != 1750*time.Millisecond || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	m, err := readMemStats(strings.NewReader("heap profile: 1: 2\n# HeapInuse = 4096\n# Stack = 8192 / 9000\n"))
	if err != nil || m.Heap != 4096 || m.Stacks != 8192 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := readMemStats(strings.NewReader("heap profile: 1: 2\n")); err == nil {
		t.Error("memory is read where there is none")
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"-terminals 0", "-terminals 50001", "-rate 0", "-rate 20001", "-for -1s", "-idle 2h", "more", "-nonsense"} {
		if err := Run(t.Context(), strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	var help bytes.Buffer
	if err := Run(t.Context(), []string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "-terminals") {
		t.Errorf("%v\n%s", err, help.String())
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if err := Run(ended, nil, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that is stopped at once: %v", err)
	}
	if text, err := json.Marshal(Report{}); err != nil || !bytes.Contains(text, []byte(`"syncedSeconds"`)) {
		t.Errorf("%s, %v", text, err)
	}
}
