package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/natsauth"
	"github.com/galla-pay/galla/controller/internal/ops"
)

// natsFlags say how NATS asks who may come in (auth callout).
type natsFlags struct {
	NATSAuthURL          string `name:"nats-auth-url" placeholder:"nats://HOST:PORT,..." help:"For NATS as the broker: the addresses of its servers for NATS clients, where they ask what a terminal may do (auth callout); tls:// for TLS. --broker is their MQTT listeners."`
	NATSAuthUsername     string `name:"nats-auth-username" default:"galla-auth" help:"The user that answers them: one of auth_users, in the callout's account."`
	NATSAuthPasswordFile string `name:"nats-auth-password-file" placeholder:"FILE" help:"Its password."`
	NATSAuthSeedFile     string `name:"nats-auth-seed-file" placeholder:"FILE" help:"The seed (SA...) of the nkey that signs the answers, the same for all controllers; made if it is not there. The callout's issuer is its public half, which the log tells."`
	NATSAuthAccount      string `name:"nats-auth-account" default:"GALLA" help:"The NATS account that terminals come into: that of the controllers' own user at --broker."`
}

// checkNATS refuses flags that cannot work.
func (f natsFlags) checkNATS(broker, askedByHTTP string) error {
	switch {
	case f.NATSAuthURL == "" && f.NATSAuthSeedFile == "" && f.NATSAuthPasswordFile == "":
		return nil
	case f.NATSAuthURL == "":
		return errors.New("--nats-auth-seed-file and --nats-auth-password-file are for --nats-auth-url")
	case broker == "":
		return errors.New("--nats-auth-url needs --broker, the MQTT listeners of the same servers")
	case askedByHTTP != "":
		return errors.New("--nats-auth-url does not go with --broker-auth-secret-file: NATS asks one of them")
	case f.NATSAuthSeedFile == "" || f.NATSAuthPasswordFile == "":
		return errors.New("--nats-auth-url needs --nats-auth-seed-file and --nats-auth-password-file")
	}
	if _, err := natsauth.ParseServers(f.NATSAuthURL); err != nil {
		return fmt.Errorf("--nats-auth-url: %w", err)
	}
	return nil
}

// openNATS makes the service that NATS asks, and what cuts its sessions.
func (f natsFlags) openNATS(c *controller, e *external, urls []string, conf *tls.Config) error {
	servers, err := natsauth.ParseServers(f.NATSAuthURL)
	if err != nil {
		return fmt.Errorf("--nats-auth-url: %w", err)
	}
	password, err := readPassword(f.NATSAuthPasswordFile)
	if err != nil {
		return fmt.Errorf("--nats-auth-password-file: %w", err)
	}
	seed, err := openSeed(f.NATSAuthSeedFile, c.log)
	if err != nil {
		return fmt.Errorf("--nats-auth-seed-file: %w", err)
	}
	service, err := natsauth.New(natsauth.Config{
		Servers: servers, Username: f.NATSAuthUsername, Password: password, TLS: conf, Seed: seed, Account: f.NATSAuthAccount,
		Reader: c.link, Log: c.log,
	})
	if err != nil {
		return fmt.Errorf("--nats-auth-seed-file: %w", err)
	}
	e.keeper = &brokerauth.Kicker{URLs: urls, TLS: conf, Secret: service.KickSecret(), ClientID: natsauth.ClientID}
	e.atMostOnce = true
	e.serve = service.Run
	e.asked = func() error {
		if err := service.Ready(); err != nil {
			return ops.NotReady(err.Error())
		}
		return nil
	}
	c.log.Info("NATS is to ask about terminals by auth_callout", "issuer", service.Issuer(), "account", f.NATSAuthAccount)
	return nil
}

// openSeed reads the seed. Where there is no file it makes one that only its owner
// may read: then the servers' configuration has to learn the issuer, and the other
// controllers need the same file.
func openSeed(path string, log *slog.Logger) (string, error) {
	seed, err := readPassword(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return seed, err
	}
	if seed, err = natsauth.NewSeed(); err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(seed + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", err
	}
	log.Warn("made a new seed: give its issuer to the NATS servers, and the file to the other controllers", "file", path)
	return seed, nil
}
