package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBrokerFlags: addresses of a cluster and how it asks about terminals go
// together, or it is one clear line.
func TestBrokerFlags(t *testing.T) {
	t.Parallel()
	nats := natsFlags{NATSAuthURL: "nats://a:4222,nats://b:4222", NATSAuthSeedFile: "seed", NATSAuthPasswordFile: "password"}
	const cluster = "mqtt://a:1883,mqtt://b:1883,mqtt://c:1883"
	for name, row := range map[string]struct {
		flags brokerFlags
		says  string
		told  []string
	}{
		"the embedded broker":    {brokerFlags{}, "", nil},
		"one Mosquitto":          {brokerFlags{Broker: "mqtt://a:1883"}, "", []string{"mqtt://a:1883"}},
		"a cluster that asks":    {brokerFlags{Broker: cluster, BrokerAuthFile: "secret"}, "", strings.Split(cluster, ",")},
		"a cluster of NATS":      {brokerFlags{Broker: cluster, natsFlags: nats}, "", strings.Split(cluster, ",")},
		"told other addresses":   {brokerFlags{Broker: cluster, BrokerAuthFile: "secret", BrokerPublic: "mqtts://shop.example:8883,mqtts://shop.example:8884"}, "", []string{"mqtts://shop.example:8883", "mqtts://shop.example:8884"}},
		"told of the embedded":   {brokerFlags{BrokerPublic: "mqtts://shop.example:8883"}, "", []string{"mqtts://shop.example:8883"}},
		"several Mosquittos":     {brokerFlags{Broker: cluster}, "--broker: Mosquitto keeps its accounts on each server alone", nil},
		"no address":             {brokerFlags{Broker: "here"}, "--broker: want mqtt://HOST:PORT or mqtts://HOST:PORT", nil},
		"one of them is none":    {brokerFlags{Broker: "mqtt://a:1883,b:1883", BrokerAuthFile: "secret"}, "--broker: address 2 of 2: want mqtt://", nil},
		"one of them twice":      {brokerFlags{Broker: "mqtt://a:1,mqtt://a:1", BrokerAuthFile: "secret"}, "--broker: mqtt://a:1 is there twice", nil},
		"half of them with TLS":  {brokerFlags{Broker: "mqtts://a:1,mqtt://b:1", BrokerAuthFile: "secret"}, "--broker: want all addresses with mqtt:// or all with mqtts://", nil},
		"told nonsense":          {brokerFlags{Broker: "mqtt://a:1", BrokerPublic: "shop.example"}, "--broker-public: want mqtt://", nil},
		"NATS without MQTT":      {brokerFlags{natsFlags: nats}, "--nats-auth-url needs --broker", nil},
		"NATS by HTTP too":       {brokerFlags{Broker: cluster, BrokerAuthFile: "secret", natsFlags: nats}, "--nats-auth-url does not go with --broker-auth-secret-file", nil},
		"NATS without a seed":    {brokerFlags{Broker: cluster, natsFlags: natsFlags{NATSAuthURL: "nats://a:1", NATSAuthPasswordFile: "x"}}, "--nats-auth-url needs --nats-auth-seed-file", nil},
		"a seed without NATS":    {brokerFlags{Broker: "mqtt://a:1", natsFlags: natsFlags{NATSAuthSeedFile: "x"}}, "are for --nats-auth-url", nil},
		"NATS's MQTT is no NATS": {brokerFlags{Broker: cluster, natsFlags: natsFlags{NATSAuthURL: cluster, NATSAuthSeedFile: "x", NATSAuthPasswordFile: "x"}}, "--nats-auth-url: want nats://HOST:PORT or tls://HOST:PORT", nil},
	} {
		err := row.flags.checkBroker()
		if (err == nil) != (row.says == "") || err != nil && !strings.HasPrefix(err.Error(), row.says) && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", name, err)
		}
		if row.told != nil && !slices.Equal(row.flags.public(), row.told) {
			t.Errorf("%s: terminals are told %v, want %v", name, row.flags.public(), row.told)
		}
	}
	for list, clear := range map[string]string{
		"mqtts://a:1,mqtts://b:1": "", "mqtt://127.0.0.1:1,mqtt://localhost:2": "", "mqtt://127.0.0.1:1,mqtt://b:2": "mqtt://b:2", "": "",
	} {
		if got := (brokerFlags{Broker: list}).toldInTheClear(); got != clear {
			t.Errorf("%q: %q is told in the clear, want %q", list, got, clear)
		}
	}
}

// TestSeedFile: the seed is made once, for its owner alone, and stays.
func TestSeedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "seed")
	var log bytes.Buffer
	open := func() (string, error) { return openSeed(path, slog.New(slog.NewTextHandler(&log, nil))) }
	made, err := open()
	must(t, err)
	if !strings.HasPrefix(made, "SA") || strings.Contains(log.String(), made) || !strings.Contains(log.String(), "made a new seed") {
		t.Errorf("made %q, and the log says %s", made, &log)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	log.Reset()
	again, err := open()
	must(t, err)
	if again != made || log.Len() > 0 {
		t.Errorf("then %q, and the log says %s", again, &log)
	}
	must(t, os.Chmod(path, 0o644))
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("everybody may read it: %v", err)
	}
	path = filepath.Join(path, "below a file")
	if _, err := open(); err == nil {
		t.Error("a seed that cannot be kept is used")
	}
}
