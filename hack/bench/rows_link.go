package main

// linkRows are the goals of the way to the terminals.
func linkRows() []row {
	const broker = "controller/internal/broker"
	return []row{
		{
			Name:    "a command to a terminal, median, against paho over Mosquitto",
			Package: broker, Bench: "^BenchmarkDeliver$/^latency$",
			Ours: figure{"BenchmarkDeliver/latency", "ns-embedded"}, Ref: figure{"BenchmarkDeliver/latency", "ns-mosquitto"}, Goal: .8,
		},
		{
			Name:    "commands a second, against paho over Mosquitto",
			Package: broker, Bench: "^BenchmarkDeliver$/^throughput$",
			Ours: figure{"BenchmarkDeliver/throughput/embedded", "messages/s"}, Ref: figure{"BenchmarkDeliver/throughput/mosquitto", "messages/s"},
			Goal: 1.7, AtLeast: true,
		},
		{
			Name:    "terminals connect and subscribe, against an open Mosquitto",
			Package: broker, Bench: "^BenchmarkCrowd$/^(embedded|mosquitto)$",
			Ours: figure{"BenchmarkCrowd/embedded", "s/crowd"}, Ref: figure{"BenchmarkCrowd/mosquitto", "s/crowd"}, Goal: 1.5,
		},
		{
			Name:    "an idle terminal's memory in the broker",
			Package: broker, Bench: "^BenchmarkCrowd$/^embedded$",
			Ours: figure{"BenchmarkCrowd/embedded", "KB/terminal"}, Goal: 15,
		},
		{
			Name:    "the same after all have connected again, against before",
			Package: broker, Bench: "^BenchmarkCrowd$/^embedded$",
			Ours: figure{"BenchmarkCrowd/embedded", "times-after-reconnect"}, Goal: 1.2,
		},
	}
}
