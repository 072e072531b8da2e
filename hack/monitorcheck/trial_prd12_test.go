package monitorcheck

import "fmt"

// The series of the trials, as a controller counts them.

func answers(message, code string) string {
	return fmt.Sprintf(`galla_upi_answers_total{job="galla-controller",message=%q,code=%q}`, message, code)
}

func results(result string) string {
	return fmt.Sprintf(`galla_upi_results_total{job="galla-controller",result=%q}`, result)
}

func payments(state string) string {
	return fmt.Sprintf(`galla_payments_total{job="galla-controller",state=%q}`, state)
}

func upiWithin(message, le string) string {
	return fmt.Sprintf(`galla_upi_answer_seconds_bucket{job="galla-controller",message=%q,le=%q}`, message, le)
}

func upiTimed(message string) string {
	return fmt.Sprintf(`galla_upi_answer_seconds_count{job="galla-controller",message=%q}`, message)
}

func httpWithin(route, le string) string {
	return fmt.Sprintf(`galla_http_request_seconds_bucket{job="galla-controller",route=%q,le=%q}`, route, le)
}

func httpTimed(route string) string {
	return fmt.Sprintf(`galla_http_request_seconds_count{job="galla-controller",route=%q}`, route)
}

func requests(route, status string) string {
	return fmt.Sprintf(`galla_http_requests_total{job="galla-controller",route=%q,status=%q,code="X"}`, route, status)
}

// prd12Trials are the rows of PRD 12 but the database's.
func prd12Trials() []trial {
	const (
		errorRate   = "GallaErrorRateHigh"
		timeoutRate = "GallaTimeoutRateHigh"
		expiryRate  = "GallaExpiryRateHigh"
		latency     = "GallaLatencyP95High"
		initRoute   = "/v1/payment/init"
	)
	pay := func(code, values string) [2]string { return [2]string{answers("ReqPay", code), values} }
	result := func(word, values string) [2]string { return [2]string{results(word), values} }
	payment := func(state, values string) [2]string { return [2]string{payments(state), values} }
	upiTimes := func(fast, all string) [][2]string { // of ReqPay: within 500 ms, and all
		return [][2]string{
			pay("00", all), {upiTimed("ReqPay"), all},
			{upiWithin("ReqPay", "0.25"), "0x60"}, {upiWithin("ReqPay", "0.5"), fast}, {upiWithin("ReqPay", "1"), all}, {upiWithin("ReqPay", "+Inf"), all},
		}
	}
	httpTimes := func(route, fast, all string) [][2]string {
		return [][2]string{
			{httpTimed(route), all},
			{httpWithin(route, "0.25"), "0x60"}, {httpWithin(route, "0.5"), fast}, {httpWithin(route, "1"), all}, {httpWithin(route, "+Inf"), all},
		}
	}
	return []trial{
		{errorRate, fires, "2 in 100", [][2]string{pay("00", "0+98x20"), pay("ZF", "0+2x20"), {answers("ReqValQr", "00"), "0+100x20"}}, "15m", []string{`message="ReqPay"`}},
		{errorRate, fires, "all fail", [][2]string{pay("96", "0+20x20")}, "15m", []string{`message="ReqPay"`}},
		{errorRate, fires, "two controllers, one of them ill", [][2]string{
			{`galla_upi_answers_total{instance="a",message="ReqValQr",code="00"}`, "0+100x20"},
			{`galla_upi_answers_total{instance="b",message="ReqValQr",code="96"}`, "0+100x20"},
		}, "15m", []string{`message="ReqValQr"`}},
		{errorRate, fires, "each message by itself", [][2]string{pay("YH", "0+20x20"), pay("00", "0+20x20"), {answers("ReqValQr", "X7"), "0+20x20"}}, "15m",
			[]string{`message="ReqPay"`, `message="ReqValQr"`}},
		{errorRate, quiet, "9 in 1000", [][2]string{pay("00", "0+991x20"), pay("ZF", "0+9x20")}, "15m", nil},
		{errorRate, quiet, "expired is no error", [][2]string{pay("00", "0+50x20"), pay("PE", "0+50x20")}, "15m", nil},
		{errorRate, quiet, "one of too few", [][2]string{pay("00", "0+8x20"), pay("ZF", "0+1x20")}, "15m", nil},
		{errorRate, quiet, "it was ten minutes ago", [][2]string{pay("00", "0+50x40"), pay("ZF", "0+50x10 500x30")}, "25m", nil},
		{errorRate, quiet, "no error has ever been", [][2]string{pay("00", "0+50x20")}, "15m", nil},
		{errorRate, idle, "counters stand still", [][2]string{pay("00", "100x20"), pay("96", "100x20")}, "15m", nil},
		{errorRate, absent, "nothing", nil, "15m", nil},

		{timeoutRate, fires, "6 in 100", [][2]string{result("SUCCESS", "0+94x20"), result("TIMEOUT", "0+6x20")}, "15m", []string{`severity="page"`}},
		{timeoutRate, fires, "all of them", [][2]string{result("TIMEOUT", "0+3x20")}, "15m", []string{`severity="page"`}},
		{timeoutRate, quiet, "4 in 100", [][2]string{result("SUCCESS", "0+90x20"), result("FAILED", "0+6x20"), result("TIMEOUT", "0+4x20")}, "15m", nil},
		{timeoutRate, quiet, "one of ten", [][2]string{result("SUCCESS", "0x10 1x1 2x1 3x1 4x1 5x1 6x1 7x1 8x1 9x10"), result("TIMEOUT", "0x12 1x20")}, "20m", nil},
		{timeoutRate, quiet, "no timeout has ever been", [][2]string{result("SUCCESS", "0+94x20")}, "15m", nil},
		{timeoutRate, idle, "counters stand still", [][2]string{result("SUCCESS", "9x20"), result("TIMEOUT", "9x20")}, "15m", nil},
		{timeoutRate, absent, "nothing", nil, "15m", nil},

		{expiryRate, fires, "15 in 100 messages", [][2]string{pay("00", "0+85x50"), pay("PE", "0+15x50")}, "40m", []string{`of="messages"`}},
		{expiryRate, fires, "15 in 100 payments", [][2]string{payment("succeeded", "0+80x50"), payment("failed", "0+5x50"), payment("expired", "0+15x50")}, "40m", []string{`of="payments"`}},
		{expiryRate, quiet, "9 in 100 of both", [][2]string{
			pay("00", "0+91x50"), pay("PE", "0+9x50"), payment("succeeded", "0+91x50"), payment("expired", "0+9x50"),
		}, "40m", nil},
		{expiryRate, quiet, "payments on their way are not counted", [][2]string{payment("created", "0+1x50"), payment("in_progress", "0+9x50")}, "40m", nil},
		{expiryRate, quiet, "one of eight", [][2]string{payment("succeeded", "0x20 1x2 2x2 3x2 4x2 5x2 6x2 7x20"), payment("expired", "0x20 1x40")}, "40m", nil},
		{expiryRate, quiet, "not for five minutes yet", [][2]string{pay("00", "0+85x50"), pay("PE", "0x35 0+300x15")}, "39m", nil},
		{expiryRate, idle, "counters stand still", [][2]string{pay("00", "9x50"), pay("PE", "9x50"), payment("expired", "9x50")}, "40m", nil},
		{expiryRate, absent, "nothing", nil, "40m", nil},

		{latency, fires, "6 UPI answers in 100", upiTimes("0+94x20", "0+100x20"), "15m", []string{`message="ReqPay"`}},
		{latency, fires, "6 answers to a POS in 100", httpTimes(initRoute, "0+94x20", "0+100x20"), "15m", []string{`route="/v1/payment/init"`}},
		{latency, quiet, "4 UPI answers in 100", upiTimes("0+96x20", "0+100x20"), "15m", nil},
		{latency, quiet, "4 answers to a POS in 100", httpTimes(initRoute, "0+96x20", "0+100x20"), "15m", nil},
		{latency, quiet, "routes that hold on purpose", append(httpTimes("/api/v1/dynamic-qr/pay", "0+10x20", "0+100x20"), httpTimes("/v1/events", "0+10x20", "0+100x20")...), "15m", nil},
		{latency, quiet, "one of too few", upiTimes("0x20", "0+1x20"), "15m", nil},
		{latency, idle, "counters stand still", append(upiTimes("10x20", "100x20"), httpTimes(initRoute, "10x20", "100x20")...), "15m", nil},
		{latency, absent, "nothing", nil, "15m", nil},
	}
}
