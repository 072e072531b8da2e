package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

func report(kind protocol.Type, epoch string, ack uint64, facts ...uint64) protocol.Report {
	r := protocol.Report{Header: protocol.Header{Type: kind}, Session: "s", Epoch: epoch, AckSeq: ack}
	for _, n := range facts {
		r.Facts = append(r.Facts, protocol.Fact{N: n})
	}
	return r
}

// TestHeard: each fact is news once; an acknowledgement rises and never goes
// beyond what was said; a sync is always answered.
func TestHeard(t *testing.T) {
	for _, tt := range []struct {
		name  string
		r     protocol.Report
		news  []uint64
		facts uint64
		acked uint64
		needs bool
	}{
		{"nothing new", report(protocol.TypeReport, "E", 5), nil, 3, 5, true},
		{"the newest state is stored", report(protocol.TypeReport, "E", 7), nil, 3, 7, false},
		{"an acknowledgement never falls", report(protocol.TypeReport, "E", 4), nil, 3, 5, true},
		{"a state that was never sent cannot be acknowledged", report(protocol.TypeReport, "E", 99), nil, 3, 5, true},
		{"facts that are known and facts that are new", report(protocol.TypeReport, "E", 7, 2, 3, 4, 5), []uint64{4, 5}, 5, 7, false},
		{"after a restored database", report(protocol.TypeReport, "E", 7, 8, 9), []uint64{8, 9}, 9, 7, false},
		{"a reflashed terminal counts from 1", report(protocol.TypeReport, "new", 7, 1), []uint64{1}, 1, 7, false},
		{"a sync is to be answered", report(protocol.TypeSync, "E", 7), nil, 3, 0, true},
	} {
		terminal := Terminal{Seq: 7, AckedSeq: 5, Epoch: "E", FactSeq: 3, Session: "s", GoneAt: time.UnixMilli(1)}
		var news []uint64
		for _, f := range terminal.Heard(tt.r, time.UnixMilli(2)) {
			news = append(news, f.N)
		}
		if !slices.Equal(news, tt.news) || terminal.FactSeq != tt.facts || terminal.AckedSeq != tt.acked || terminal.NeedsTelling() != tt.needs {
			t.Errorf("%s: news %v, facts %d, acked %d, needs telling %v", tt.name, news, terminal.FactSeq, terminal.AckedSeq, terminal.NeedsTelling())
		}
		if !terminal.GoneAt.IsZero() || terminal.LastSeen.UnixMilli() != 2 {
			t.Errorf("%s: a terminal that was heard is there", tt.name)
		}
	}
}

// TestLateReport: a report of a connection that has ended, come after the next
// one's sync, brings its facts and nothing else.
func TestLateReport(t *testing.T) {
	terminal := Terminal{Seq: 7, Epoch: "E", Session: "new", LastSeen: time.UnixMilli(1), Mode: protocol.ModeIdle}
	late := report(protocol.TypeReport, "E", 7, 1)
	late.Mode = protocol.ModePresenting
	if news := terminal.Heard(late, time.UnixMilli(2)); len(news) != 1 || terminal.FactSeq != 1 {
		t.Errorf("its facts are lost: %v", news)
	}
	if terminal.Session != "new" || terminal.Mode != protocol.ModeIdle || terminal.LastSeen.UnixMilli() != 1 {
		t.Errorf("it passed for the newest connection: %+v", terminal)
	}
}

// TestTwoDevicesOfOneIdentity: a name that was replaced comes back on another
// connection, and only then somebody else has it.
func TestTwoDevicesOfOneIdentity(t *testing.T) {
	type sync struct{ boot, session string }
	for name, tt := range map[string]struct {
		syncs  []sync
		shared bool
	}{
		"it reconnects":                  {[]sync{{"boot-one", "s1"}, {"boot-one", "s2"}, {"boot-one", "s3"}}, false},
		"it is switched off and on":      {[]sync{{"boot-one", "s1"}, {"boot-two", "s2"}, {"boot-three", "s3"}}, false},
		"a copy joins":                   {[]sync{{"boot-one", "s1"}, {"boot-two", "s2"}}, false},
		"and the first comes back":       {[]sync{{"boot-one", "s1"}, {"boot-two", "s2"}, {"boot-one", "s3"}}, true},
		"three take turns":               {[]sync{{"boot-one", "s1"}, {"boot-two", "s2"}, {"boot-three", "s3"}, {"boot-one", "s4"}}, true},
		"its old sync is delivered late": {[]sync{{"boot-one", "s1"}, {"boot-two", "s2"}, {"boot-one", "s1"}, {"boot-two", "s2"}}, false},
		"an old agent tells no name":     {[]sync{{"boot-one", "s1"}, {"", "s2"}, {"boot-one", "s3"}}, false},
		"a name that is none":            {[]sync{{"boot one", "s1"}, {"boot-two", "s2"}, {"boot one", "s3"}}, false},
	} {
		terminal, last := Terminal{}, false
		for i, s := range tt.syncs {
			r := report(protocol.TypeSync, "E", 0)
			r.Boot, r.Session = s.boot, s.session
			terminal.Heard(r, time.UnixMilli(int64(i+1)))
			last = terminal.Shared()
		}
		if !terminal.SharedAt.IsZero() != tt.shared || last != tt.shared {
			t.Errorf("%s: %+v", name, terminal)
		}
	}
	many := Terminal{}
	for i := range 100 {
		r := report(protocol.TypeSync, "E", 0)
		r.Boot, r.Session = fmt.Sprintf("boot-%04d", i), fmt.Sprint(i)
		many.Heard(r, time.UnixMilli(1))
	}
	if len(many.Boots) != maxBoots || many.Boots[0] != "boot-0098 98" || !many.SharedAt.IsZero() {
		t.Errorf("%+v", many)
	}
	// A report is not a start.
	r := report(protocol.TypeReport, "E", 0)
	r.Boot = "boot-0001"
	if many.Heard(r, time.UnixMilli(2)); many.Boot != "boot-0099" {
		t.Errorf("%+v", many)
	}
}

// TestDrop: an ended payment leaves the wanted state wherever it stood, and
// only the shown one leaves a result.
func TestDrop(t *testing.T) {
	base := Terminal{Seq: 1, Sale: "a", Waiting: []string{"b", "c"}}
	for _, tt := range []struct {
		payment string
		tell    bool
		sale    string
		result  string
		waiting []string
		dropped bool
	}{
		{"a", true, "", "a", []string{"b", "c"}, true}, {"a", false, "", "", []string{"b", "c"}, true},
		{"b", true, "a", "", []string{"c"}, true}, {"c", true, "a", "", []string{"b"}, true},
		{"x", true, "a", "", []string{"b", "c"}, false}, {"", true, "a", "", []string{"b", "c"}, false},
	} {
		terminal := base
		dropped := terminal.Drop(tt.payment, tt.tell)
		if dropped != tt.dropped || terminal.Sale != tt.sale || terminal.Result != tt.result || !slices.Equal(terminal.Waiting, tt.waiting) {
			t.Errorf("drop %q: %v %+v", tt.payment, dropped, terminal)
		}
		if (terminal.Seq > base.Seq) != dropped {
			t.Errorf("drop %q: told %v", tt.payment, terminal.Seq > base.Seq)
		}
	}
	if !slices.Equal(base.Waiting, []string{"b", "c"}) {
		t.Error("a copy's change reached the original")
	}
}
