package monitorcheck

// budgetTrials are the promises of PRD 10. Most begin with three good days, so
// that the long windows have something to look at.
func budgetTrials() []trial {
	const (
		burn  = "GallaBudgetBurn"
		hour  = `burn="2 % in an hour"`
		six   = `burn="5 % in six hours"`
		day   = `burn="10 % in a day"`
		three = `burn="10 % in three days"`
		route = "/api/v1/dynamic-qr/pay"

		controller = `up{job="galla-controller",instance="a"}`
	)
	within := func(message, le, fast, all string) [][2]string {
		return [][2]string{{upiTimed(message), all}, {upiWithin(message, le), fast}}
	}
	validate := func(fast, all string) [][2]string { return within("ReqValQr", "0.1", fast, all) }
	of := func(slo string, burns ...string) []string {
		var labels []string
		for _, b := range burns {
			labels = append(labels, `slo="`+slo+`",`+b)
		}
		return labels
	}
	const all = "0+1000x4400" // three days and more
	return []trial{
		// The windows, by the promise of ReqValQr: 0.1 % may be slow.
		{burn, fires, "5 % for an hour", validate("0+1000x4320 4320950+950x70", all), "4380m", of("validate_latency", hour, six)},
		{burn, fires, "0.7 % for six hours", validate("0+1000x3960 3960993+993x400", all), "4320m", of("validate_latency", six)},
		{burn, fires, "0.35 % for a day", validate("0+2000x2880 5761993+1993x1500", "0+2000x4400"), "4320m", of("validate_latency", day, three)},
		{burn, fires, "0.15 % for three days", validate("0+1997x4400", "0+2000x4400"), "4320m", of("validate_latency", three)},
		{burn, quiet, "1.4 % for an hour", validate("0+1000x4320 4320986+986x70", all), "4385m", nil},
		{burn, quiet, "0.58 % for six hours", validate("0+5000x3960 19804971+4971x400", "0+5000x4400"), "4325m", nil},
		{burn, quiet, "0.28 % for a day", validate("0+2500x2880 7202493+2493x1500", "0+2500x4400"), "4320m", nil},
		{burn, quiet, "0.05 % for three days", validate("0+1999x4400", "0+2000x4400"), "4320m", nil},
		{burn, quiet, "4 % for an hour, and good again for forty minutes", validate("0+1000x4260 4260960+960x59 4318600+1000x70", all), "4360m", nil},
		{burn, quiet, "four slow answers in an hour", validate("0+2x4320 8640+1x2 8644+2x60", "0+2x4400"), "4350m", nil},

		// The other promises, after eight good hours.
		{burn, fires, "ReqPay, 5 % for an hour", within("ReqPay", "0.15", "0+1000x480 480950+950x70", "0+1000x600"), "540m", of("pay_latency", hour, six, day, three)},
		{burn, quiet, "ReqPay has 150 ms", [][2]string{{upiTimed("ReqPay"), "0+9x600"}, {upiWithin("ReqPay", "0.1"), "0+5x600"}, {upiWithin("ReqPay", "0.15"), "0+9x600"}}, "540m", nil},
		{burn, fires, "1 % of requests are our failure, for an hour", [][2]string{
			{requests(route, "200"), "0+1000x600"}, {requests("/v1/payment/init", "503"), "0x480 10+10x80"},
		}, "540m", of("availability", hour, three)},
		{burn, quiet, "refusals are answers", [][2]string{{requests(route, "200"), "0+1000x600"}, {requests("/v1/payment/init", "417"), "0x480 100+100x80"}}, "540m", nil},
		{burn, quiet, "health is nobody's request", [][2]string{{requests(route, "200"), "0+1000x600"}, {requests("/readyz", "503"), "0x480 100+100x80"}}, "540m", nil},
		{burn, fires, "down for twelve minutes", [][2]string{{controller, "1x480 0x11 1x60"}}, "495m", of("uptime", hour, six, day, three)},
		{burn, quiet, "down for three minutes", [][2]string{{controller, "1x480 0x2 1x60"}}, "485m", nil},
		{burn, quiet, "one of two is down", [][2]string{{controller, "1x400"}, {`up{job="galla-controller",instance="b"}`, "1x300 0x100"}}, "360m", nil},
		{burn, idle, "counters stand still", append(validate("10x200", "100x200"), [2]string{requests(route, "200"), "9x200"}, [2]string{requests(route, "500"), "9x200"}), "120m", nil},
		{burn, absent, "nothing", nil, "120m", nil},
	}
}
