package main

// A row is one goal: a figure of ours, what it is compared with, and how they
// should stand to each other.
type row struct {
	Name string
	// Package is where the benchmark stands, below the repository's root; Bench is
	// what -bench gets, one regular expression a level.
	Package, Bench string
	// Ours and Ref are the figures. Without a Ref the figure itself is judged.
	Ours, Ref figure
	// Goal is the bound of the ratio ours to ref, or of the figure. At least says
	// which side of it is good.
	Goal    float64
	AtLeast bool
	// Servers: it runs on a server whose CPU time cannot be told from others', so
	// that only the moment before it says whether the machine was quiet.
	Servers bool
}

// figure is a metric of a benchmark, such as {"BenchmarkIdle/journal", "ns/op"}.
// The name is without the number of CPUs at its end.
type figure struct{ Bench, Unit string }

// The goals are those of the project's table of limits and goals; the order is that
// of a payment's way.
func rows() []row {
	const (
		journal = "controller/internal/journal"
		upixml  = "controller/internal/upixml"
		broker  = "controller/internal/broker"
		screen  = "agent/internal/screen"
		panel   = "agent/panel"
	)
	return []row{
		{"journal, mixed decisions, PostgreSQL", journal, "^BenchmarkMixed$/^postgres$/^(writers=2|alone)$",
			figure{"BenchmarkMixed/postgres/writers=2/wait=2ms", "decisions/s"}, figure{"BenchmarkMixed/postgres/alone", "decisions/s"}, 4, true, true},
		{"journal, inserts, PostgreSQL", journal, "^BenchmarkInsert$/^postgres$/^(writers=2|alone)$",
			figure{"BenchmarkInsert/postgres/writers=2/wait=2ms", "decisions/s"}, figure{"BenchmarkInsert/postgres/alone", "decisions/s"}, 6, true, true},
		{"journal, mixed decisions, SQLite", journal, "^BenchmarkMixed$/^sqlite$",
			figure{"BenchmarkMixed/sqlite/batch=512", "decisions/s"}, figure{"BenchmarkMixed/sqlite/batch=1", "decisions/s"}, 4, true, false},
		{"journal, one caller alone", journal, "^BenchmarkIdle$",
			figure{"BenchmarkIdle/journal", "ns/op"}, figure{"BenchmarkIdle/transaction", "ns/op"}, 1.5, false, true},
		{"scan ReqPay against encoding/xml", upixml, "^BenchmarkScan$/^ReqPay$/^ratio$",
			figure{"BenchmarkScan/ReqPay/ratio", "times"}, figure{}, 30, true, false},
		{"scan ReqValQr against encoding/xml", upixml, "^BenchmarkScan$/^ReqValQr$/^ratio$",
			figure{"BenchmarkScan/ReqValQr/ratio", "times"}, figure{}, 30, true, false},
		{"scan ReqPay, allocations", upixml, "^BenchmarkScan$/^ReqPay$/^ours$",
			figure{"BenchmarkScan/ReqPay/ours", "allocs/op"}, figure{}, 0, false, false},
		{"verify a signed message against raw RSA", upixml, "^BenchmarkVerify$/^ours_in_turn_with_raw$",
			figure{"BenchmarkVerify/ours_in_turn_with_raw", "times-raw"}, figure{}, 1.5, false, false},
		{"a command to a terminal, median, against paho over Mosquitto", broker, "^BenchmarkDeliver$/^latency$",
			figure{"BenchmarkDeliver/latency", "ns-embedded"}, figure{"BenchmarkDeliver/latency", "ns-mosquitto"}, .8, false, false},
		{"commands a second, against paho over Mosquitto", broker, "^BenchmarkDeliver$/^throughput$",
			figure{"BenchmarkDeliver/throughput/embedded", "messages/s"}, figure{"BenchmarkDeliver/throughput/mosquitto", "messages/s"}, 1.7, true, false},
		{"terminals connect and subscribe, against an open Mosquitto", broker, "^BenchmarkCrowd$/^(embedded|mosquitto)$",
			figure{"BenchmarkCrowd/embedded", "s/crowd"}, figure{"BenchmarkCrowd/mosquitto", "s/crowd"}, 1.5, false, false},
		{"an idle terminal's memory in the broker", broker, "^BenchmarkCrowd$/^embedded$",
			figure{"BenchmarkCrowd/embedded", "KB/terminal"}, figure{}, 15, false, false},
		{"agent, start to the idle screen, the longest, ms", "agent", "^BenchmarkStart$",
			figure{"BenchmarkStart", "ms-longest"}, figure{}, 1000, false, false},
		{"agent, resident memory after 100 sales", "agent", "^BenchmarkResident$/^sales=100$",
			figure{"BenchmarkResident/sales=100", "MB"}, figure{}, 40, false, false},
		{"agent, stripped binary for arm64", "agent", "^BenchmarkBinary$/^arm64$",
			figure{"BenchmarkBinary/arm64", "MB"}, figure{}, 20, false, false},
		{"agent, stripped binary for ARMv6", "agent", "^BenchmarkBinary$/^armv6$",
			figure{"BenchmarkBinary/armv6", "MB"}, figure{}, 20, false, false},
		{"render a presenting screen", screen, "^BenchmarkRender$/^240x320$/^presenting$",
			figure{"BenchmarkRender/240x320/presenting", "ns/op"}, figure{}, 10e6, false, false},
		{"encode a payment's QR", screen, "^BenchmarkEncodeQR$",
			figure{"BenchmarkEncodeQR", "ns/op"}, figure{}, 10e6, false, false},
		{"draw a second of the countdown against a whole picture", panel, "^BenchmarkDraw$/^(full|countdown)$",
			figure{"BenchmarkDraw/countdown", "ns/op"}, figure{"BenchmarkDraw/full", "ns/op"}, .25, false, false},
		{"bytes on the wire for a new QR against a whole picture", panel, "^BenchmarkDraw$/^(full|qr)$",
			figure{"BenchmarkDraw/qr", "spiB/op"}, figure{"BenchmarkDraw/full", "spiB/op"}, .4, false, false},
	}
}
