package main

// doorRows are the goals of the two front doors.
func doorRows() []row {
	const (
		payapi = "controller/internal/payapi"
		upixml = "controller/internal/upixml"
	)
	return []row{
		{
			Name:    "gin, signed inits a second of CPU without a database, against net/http",
			Package: payapi, Bench: "^BenchmarkDoor$",
			Ours: figure{"BenchmarkDoor/gin", "requests/CPU-s"}, Ref: figure{"BenchmarkDoor/net_http", "requests/CPU-s"},
			Goal: .9, AtLeast: true,
		},
		{
			Name:    "scan ReqPay against encoding/xml",
			Package: upixml, Bench: "^BenchmarkScan$/^ReqPay$/^ratio$",
			Ours: figure{"BenchmarkScan/ReqPay/ratio", "times"}, Goal: 30, AtLeast: true,
		},
		{
			Name:    "scan ReqValQr against encoding/xml",
			Package: upixml, Bench: "^BenchmarkScan$/^ReqValQr$/^ratio$",
			Ours: figure{"BenchmarkScan/ReqValQr/ratio", "times"}, Goal: 30, AtLeast: true,
		},
		{
			Name:    "scan ReqPay, allocations",
			Package: upixml, Bench: "^BenchmarkScan$/^ReqPay$/^ours$",
			Ours: figure{"BenchmarkScan/ReqPay/ours", "allocs/op"}, Goal: 0,
		},
		{
			Name:    "verify a signed message against raw RSA",
			Package: upixml, Bench: "^BenchmarkVerify$/^ours_in_turn_with_raw$",
			Ours: figure{"BenchmarkVerify/ours_in_turn_with_raw", "times-raw"}, Goal: 1.5,
		},
	}
}
