package main

// deviceRows are the goals of the device on the counter.
func deviceRows() []row {
	const (
		screen = "agent/internal/screen"
		panel  = "agent/panel"
	)
	return []row{
		{
			Name:    "agent, start to the idle screen, the longest, ms",
			Package: "agent", Bench: "^BenchmarkStart$",
			Ours: figure{"BenchmarkStart", "ms-longest"}, Goal: 1000,
		},
		{
			Name:    "agent, resident memory after 100 sales",
			Package: "agent", Bench: "^BenchmarkResident$/^sales=100$",
			Ours: figure{"BenchmarkResident/sales=100", "MB"}, Goal: 40,
		},
		{
			Name:    "agent, stripped binary for arm64",
			Package: "agent", Bench: "^BenchmarkBinary$/^arm64$",
			Ours: figure{"BenchmarkBinary/arm64", "MB"}, Goal: 20, Once: true, Rounds: 1,
		},
		{
			Name:    "agent, stripped binary for ARMv6",
			Package: "agent", Bench: "^BenchmarkBinary$/^armv6$",
			Ours: figure{"BenchmarkBinary/armv6", "MB"}, Goal: 20, Once: true, Rounds: 1,
		},
		{
			Name:    "render a presenting screen",
			Package: screen, Bench: "^BenchmarkRender$/^240x320$/^presenting$",
			Ours: figure{"BenchmarkRender/240x320/presenting", "ns/op"}, Goal: 10e6,
		},
		{
			Name:    "encode a payment's QR",
			Package: screen, Bench: "^BenchmarkEncodeQR$",
			Ours: figure{"BenchmarkEncodeQR", "ns/op"}, Goal: 10e6,
		},
		{
			Name:    "draw a second of the countdown against a whole picture",
			Package: panel, Bench: "^BenchmarkDraw$/^(full|countdown)$",
			Ours: figure{"BenchmarkDraw/countdown", "ns/op"}, Ref: figure{"BenchmarkDraw/full", "ns/op"}, Goal: .25,
		},
		{
			Name:    "bytes on the wire for the next sale's QR against a whole picture",
			Package: panel, Bench: "^BenchmarkDraw$/^(full|qr|sale)$",
			Ours: figure{"BenchmarkDraw/qr", "spiB/op"}, Ref: figure{"BenchmarkDraw/full", "spiB/op"}, Goal: .4,
			// A sale on a glass that was dark turns the card white: two thirds of it.
			Notes: []figure{{"BenchmarkDraw/qr", "wire-us/op"}, {"BenchmarkDraw/full", "wire-us/op"}, {"BenchmarkDraw/sale", "spiB/op"}},
		},
	}
}
