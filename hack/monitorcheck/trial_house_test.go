package monitorcheck

import "fmt"

// houseTrials are what the house itself counts as alarms.
func houseTrials() []trial {
	const controller = `up{job="galla-controller",instance="a"}`
	state := func(metric, label, word, values string) [][2]string {
		return [][2]string{{fmt.Sprintf(`%s{job="galla-controller",%s=%q}`, metric, label, word), values}}
	}
	dead := func(values string) [][2]string { return [][2]string{{`galla_callbacks_dead_total`, values}} }
	network := func(kind, values string) [][2]string { return state("galla_network_dead_total", "kind", kind, values) }
	shared := func(values string) [][2]string {
		return state("galla_terminal_messages_total", "what", "identity_shared", values)
	}
	credit := func(word, values string) [][2]string { return state("galla_credits_total", "state", word, values) }
	outbox := func(word, values string) [][2]string {
		return state("galla_outbox_oldest_seconds", "outbox", word, values)
	}
	return []trial{
		{"GallaControllerDown", fires, "for two minutes", [][2]string{{controller, "1x5 0x10"}, {`up{job="galla-controller",instance="b"}`, "1x20"}}, "8m", []string{`instance="a"`}},
		{"GallaControllerDown", quiet, "up", [][2]string{{controller, "1x10"}}, "8m", nil},
		{"GallaControllerDown", quiet, "one scrape missed", [][2]string{{controller, "1x5 0 1x10"}}, "6m", nil},
		{"GallaControllerDown", quiet, "another program is down", [][2]string{{`up{job="other"}`, "0x20"}}, "8m", nil},
		{"GallaControllerDown", absent, "nothing", nil, "8m", nil},

		{"GallaControllerAbsent", fires, "another program is watched", [][2]string{{`up{job="other"}`, "1x20"}}, "10m", []string{`job="galla-controller"`}},
		{"GallaControllerAbsent", absent, "nothing", nil, "10m", []string{`job="galla-controller"`}},
		{"GallaControllerAbsent", quiet, "watched, and down", [][2]string{{controller, "0x20"}}, "10m", nil},
		{"GallaControllerAbsent", quiet, "not for five minutes yet", nil, "4m", nil},

		{"GallaCallbackDead", fires, "one", dead("0x5 1x20"), "8m", []string{`severity="ticket"`}},
		{"GallaCallbackDead", quiet, "none", dead("0x20"), "8m", nil},
		{"GallaCallbackDead", quiet, "one, long ago", dead("0x5 1x40"), "30m", nil},
		{"GallaCallbackDead", quiet, "a controller began again", dead("7x5 0x20"), "8m", nil},
		{"GallaCallbackDead", absent, "nothing", nil, "8m", nil},

		{"GallaNetworkMessageDead", fires, "a reversal", append(network("REVERSAL", "0x5 1x20"), network("ASK", "4x20")...), "8m", []string{`kind="REVERSAL"`}},
		{"GallaNetworkMessageDead", quiet, "none", network("REVERSAL", "3x20"), "8m", nil},
		{"GallaNetworkMessageDead", absent, "nothing", nil, "8m", nil},

		{"GallaCreditFitsNoPayment", fires, "reversing", credit("reversing", "0x5 1x20"), "8m", []string{`state="reversing"`}},
		{"GallaCreditFitsNoPayment", fires, "suspense", credit("suspense", "2x5 3x20"), "8m", []string{`state="suspense"`}},
		{"GallaCreditFitsNoPayment", quiet, "applied", credit("applied", "0+10x20"), "8m", nil},
		{"GallaCreditFitsNoPayment", quiet, "it went back", append(credit("reversed", "0x5 1x20"), credit("reversing", "1x20")...), "8m", nil},
		{"GallaCreditFitsNoPayment", absent, "nothing", nil, "8m", nil},

		{"GallaPaymentParked", fires, "one", [][2]string{{payments("parked"), "0x5 1x20"}}, "8m", []string{`severity="ticket"`}},
		{"GallaPaymentParked", quiet, "others go on", [][2]string{{payments("parked"), "2x20"}, {payments("succeeded"), "0+9x20"}}, "8m", nil},
		{"GallaPaymentParked", absent, "nothing", nil, "8m", nil},

		{"GallaIdentityShared", fires, "one", shared("0x5 1x20"), "8m", []string{`severity="page"`}},
		{"GallaIdentityShared", quiet, "none", append(shared("0x20"), [2]string{`galla_terminal_messages_total{job="galla-controller",what="sync"}`, "0+9x20"}), "8m", nil},
		{"GallaIdentityShared", absent, "nothing", nil, "8m", nil},

		{"GallaOutboxOverdue", fires, "of two controllers' readings the worse", append(outbox("callbacks", "0 0 61x10"), outbox("network", "0x20")...), "6m", []string{`outbox="callbacks"`}},
		{"GallaOutboxOverdue", quiet, "a minute", outbox("network", "60x20"), "8m", nil},
		{"GallaOutboxOverdue", quiet, "caught up again", outbox("network", "0x5 600x1 0x20"), "8m", nil},
		{"GallaOutboxOverdue", absent, "nothing", nil, "8m", nil},

		{"GallaExchangeRatesOld", fires, "twenty hours and a second", [][2]string{{`galla_fx_rate_age_seconds`, "72001x20"}}, "8m", []string{`severity="ticket"`}},
		{"GallaExchangeRatesOld", quiet, "twenty hours", [][2]string{{`galla_fx_rate_age_seconds`, "72000x20"}}, "8m", nil},
		{"GallaExchangeRatesOld", quiet, "no rates at all", [][2]string{{`galla_fx_rate_age_seconds`, "0x20"}}, "8m", nil},
		{"GallaExchangeRatesOld", absent, "nothing", nil, "8m", nil},

		{"GallaExchangeRatesRefused", fires, "one", [][2]string{{`galla_fx_refused_total`, "0x5 1x20"}}, "8m", []string{`severity="page"`}},
		{"GallaExchangeRatesRefused", quiet, "none since", [][2]string{{`galla_fx_refused_total`, "5x20"}}, "8m", nil},
		{"GallaExchangeRatesRefused", absent, "nothing", nil, "8m", nil},
	}
}

// databaseTrials are PRD 12's row of the database, by its own exporters.
func databaseTrials() []trial {
	cpu := func(job, cpu, mode, values string) [2]string {
		return [2]string{fmt.Sprintf(`node_cpu_seconds_total{job=%q,instance="db",cpu=%q,mode=%q}`, job, cpu, mode), values}
	}
	const (
		high      = "GallaDatabaseCPUHigh"
		down      = "GallaDatabaseDown"
		unwatched = "GallaDatabaseUnwatched"
	)
	node, postgres := `up{job="database-node",instance="db"}`, `up{job="database",instance="db"}`
	return []trial{
		// Of two CPUs, 60 s each minute.
		{high, fires, "85 %", [][2]string{
			cpu("database-node", "0", "idle", "0+6x20"), cpu("database-node", "0", "user", "0+54x20"),
			cpu("database-node", "1", "idle", "0+12x20"), cpu("database-node", "1", "user", "0+48x20"),
		}, "15m", []string{`instance="db"`}},
		{high, quiet, "75 %", [][2]string{cpu("database-node", "0", "idle", "0+15x20"), cpu("database-node", "0", "user", "0+45x20")}, "15m", nil},
		{high, quiet, "waiting for the disk", [][2]string{
			cpu("database-node", "0", "idle", "0+1x20"), cpu("database-node", "0", "iowait", "0+40x20"), cpu("database-node", "0", "user", "0+19x20"),
		}, "15m", nil},
		{high, quiet, "another machine", [][2]string{cpu("node", "0", "idle", "0+1x20"), cpu("node", "0", "user", "0+59x20")}, "15m", nil},
		{high, quiet, "not for five minutes yet", [][2]string{cpu("database-node", "0", "idle", "0+60x5 300x20")}, "12m", nil},
		{high, absent, "nothing", nil, "15m", nil},

		{down, fires, "for two minutes", [][2]string{{`pg_up{job="database",instance="db"}`, "1x5 0x10"}}, "8m", []string{`instance="db"`}},
		{down, quiet, "up", [][2]string{{`pg_up{job="database",instance="db"}`, "1x20"}}, "8m", nil},
		{down, absent, "nothing", nil, "8m", nil},

		{unwatched, fires, "an exporter is down", [][2]string{{node, "1x2 0x20"}, {postgres, "1x30"}}, "15m", []string{`job="database-node"`}},
		{unwatched, absent, "both", nil, "15m", []string{`job="database"`, `job="database-node"`}},
		{unwatched, absent, "one", [][2]string{{node, "1x20"}}, "15m", []string{`job="database"`}},
		{unwatched, quiet, "both are there", [][2]string{{node, "1x20"}, {postgres, "1x20"}}, "15m", nil},
	}
}
