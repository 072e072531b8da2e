package testservers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// mosquittoPlaces are where Mosquitto's programs live when they are not in PATH.
var mosquittoPlaces = []string{"/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/sbin"}

// dynsecPlaces are where distributions put the dynamic-security plug-in.
var dynsecPlaces = []string{"/usr/lib/*-linux-gnu*", "/usr/lib64", "/usr/lib", "/usr/local/lib", "/usr/local/lib64", "/opt/homebrew/lib"}

const dynsecPlugin = "mosquitto_dynamic_security.so"

// Mosquitto is a private broker on a loopback port.
// All methods may be called from several goroutines.
type Mosquitto struct {
	proc    *process
	program string
	ctrl    string // mosquitto_ctrl; "" without dynamic security
	port    int

	// AdminUsername and AdminPassword are the controller's account: it may
	// administer the broker through $CONTROL/dynamic-security/v1, publish to
	// galla/v1/+/command and read every topic. Empty unless
	// StartHardenedMosquitto made the broker. Any client id will do.
	AdminUsername string
	AdminPassword string
}

// StartMosquitto runs a broker in dir (a temporary folder of its own when dir
// is "") with the configuration conf and waits until it accepts connections.
// Of conf only the place is changed: the one line `listener ...` becomes a free
// loopback port (without such a line one is put on top), and a line `user ...`
// is left out, because the process already runs without rights. ctx bounds the
// start only. The caller ends it with Stop; if it does not, the broker ends
// with the test binary.
func StartMosquitto(ctx context.Context, dir, conf string) (*Mosquitto, error) {
	program, err := findProgram("mosquitto", "mosquitto", mosquittoPlaces...)
	if err != nil {
		return nil, err
	}
	proc, err := newProcess("mosquitto", dir, "TERM")
	if err != nil {
		return nil, err
	}
	mq := &Mosquitto{proc: proc, program: program}
	if err := mq.firstStart(ctx, conf); err != nil {
		mq.Stop()
		return nil, err
	}
	return mq, nil
}

// StartHardenedMosquitto runs a broker with the project's own
// deploy/mosquitto/mosquitto.conf and a fresh dynamic-security state, made by
// deploy/mosquitto/init.sh, that holds the controller's account. Only port and
// paths of the file are replaced. The test must run inside the repository, where
// `go test` puts it.
func StartHardenedMosquitto(ctx context.Context, dir string) (*Mosquitto, error) {
	program, err := findProgram("mosquitto", "mosquitto", mosquittoPlaces...)
	if err != nil {
		return nil, err
	}
	ctrl, err := findProgram("mosquitto_ctrl", "mosquitto", mosquittoPlaces...)
	if err != nil {
		return nil, err
	}
	plugin, err := findDynsec()
	if err != nil {
		return nil, err
	}
	deployed, err := deployFolder()
	if err != nil {
		return nil, err
	}
	conf, err := os.ReadFile(filepath.Join(deployed, "mosquitto.conf"))
	if err != nil {
		return nil, err
	}
	proc, err := newProcess("mosquitto", dir, "TERM")
	if err != nil {
		return nil, err
	}
	mq := &Mosquitto{proc: proc, program: program, ctrl: ctrl, AdminUsername: "galla-controller", AdminPassword: rand.Text()}
	state := filepath.Join(proc.dir, "dynamic-security.json")
	err = func() error {
		if err := mq.initState(ctx, filepath.Join(deployed, "init.sh"), state); err != nil {
			return err
		}
		placed, err := replaceValues(string(conf), map[string]string{"plugin": plugin, "plugin_opt_config_file": state})
		if err != nil {
			return err
		}
		return mq.firstStart(ctx, placed)
	}()
	if err != nil {
		mq.Stop()
		return nil, err
	}
	return mq, nil
}

// initState runs the deployed script that makes the first dynamic-security state.
func (mq *Mosquitto) initState(ctx context.Context, script, state string) error {
	password := filepath.Join(mq.proc.dir, "admin-password")
	if err := os.WriteFile(password, []byte(mq.AdminPassword), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", script, state, mq.AdminUsername, password)
	cmd.Env = append(serverEnv(), "PATH="+filepath.Dir(mq.ctrl)+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("testservers: %s: %w\n%s", script, err, out)
	}
	return mq.proc.cred.give(state)
}

// firstStart settles the port and writes the configuration file.
func (mq *Mosquitto) firstStart(ctx context.Context, conf string) error {
	var err error
	// Between asking for a free port and taking it somebody else may; then another.
	for range 5 {
		if mq.port, err = FreePort(); err != nil {
			return err
		}
		placed, perr := place(conf, mq.port)
		if perr != nil {
			return perr
		}
		if err := os.WriteFile(mq.confPath(), []byte(placed), 0o644); err != nil {
			return err
		}
		if err = mq.start(ctx); err == nil || !strings.Contains(err.Error(), "Address already in use") {
			return err
		}
	}
	return err
}

func (mq *Mosquitto) confPath() string { return filepath.Join(mq.proc.dir, "mosquitto.conf") }

func (mq *Mosquitto) start(ctx context.Context) error {
	return mq.proc.start(ctx, mq.program, []string{"-c", mq.confPath()}, func(ctx context.Context) error {
		return answers(ctx, mq.Addr())
	})
}

// answers says whether somebody accepts connections at addr.
func answers(ctx context.Context, addr string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp4", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Addr is the host:port the broker listens on. It stays the same over Restart.
func (mq *Mosquitto) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(mq.port)) }

// URL is the broker's address as the controller and the agent take it: mqtt://127.0.0.1:port.
func (mq *Mosquitto) URL() string { return "mqtt://" + mq.Addr() }

// Running says whether the broker's process is alive.
func (mq *Mosquitto) Running() bool { return mq.proc.running() }

// Log is everything the broker has logged.
func (mq *Mosquitto) Log() string { return mq.proc.log() }

// Kill ends the broker at once. Restart brings it back.
func (mq *Mosquitto) Kill() { mq.proc.signal(syscall.SIGKILL) }

// Shutdown ends the broker in good order. Restart brings it back.
func (mq *Mosquitto) Shutdown() { mq.proc.signal(syscall.SIGTERM) }

// Restart starts the broker again on its port with its configuration and its
// dynamic-security state, after ending it in good order if it still runs.
func (mq *Mosquitto) Restart(ctx context.Context) error {
	mq.Shutdown()
	return mq.start(ctx)
}

// Stop ends the broker for good and removes the folder if it was made for it.
func (mq *Mosquitto) Stop() {
	mq.Shutdown()
	mq.proc.release()
}

// Dynsec changes the dynamic-security state as the administrator, with the words
// of mosquitto_ctrl: Dynsec(ctx, "createClient", name, "-c", id, "-p", password).
func (mq *Mosquitto) Dynsec(ctx context.Context, words ...string) error {
	if mq.ctrl == "" {
		return errors.New("testservers: this broker has no dynamic security; start it with StartHardenedMosquitto")
	}
	args := []string{"-i", "mosquitto_ctrl", "-h", "127.0.0.1", "-p", strconv.Itoa(mq.port), "-u", mq.AdminUsername, "-P", mq.AdminPassword, "dynsec"}
	cmd := exec.CommandContext(ctx, mq.ctrl, append(args, words...)...)
	cmd.Env = serverEnv()
	out, err := cmd.CombinedOutput()
	// It ends with 0 although the plug-in refused.
	if err != nil || strings.Contains(strings.ToLower(string(out)), "error") {
		return fmt.Errorf("testservers: mosquitto_ctrl dynsec %s: %v %s", words[0], err, out)
	}
	return nil
}

// place puts the broker of conf on a loopback port.
func place(conf string, port int) (string, error) {
	var lines []string
	listener, found := fmt.Sprintf("listener %d 127.0.0.1", port), 0
	for line := range strings.Lines(conf) {
		switch key, _, _ := strings.Cut(strings.TrimSpace(line), " "); key {
		case "listener":
			found++
			line = listener + "\n"
		case "user":
			continue
		}
		lines = append(lines, line)
	}
	if found > 1 {
		return "", errors.New("testservers: mosquitto configuration with more than one listener line")
	}
	text := strings.Join(lines, "")
	if found == 0 {
		text = listener + "\n" + text
	}
	return text, nil
}

// replaceValues gives each named setting of conf another value. A name that
// does not stand there exactly once is an error: then the file has changed and
// the caller would test something else than what is deployed.
func replaceValues(conf string, values map[string]string) (string, error) {
	found := map[string]int{}
	var text strings.Builder
	for line := range strings.Lines(conf) {
		key, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if value, ok := values[key]; ok {
			found[key]++
			line = key + " " + value + "\n"
		}
		text.WriteString(line)
	}
	for key := range values {
		if found[key] != 1 {
			return "", fmt.Errorf("testservers: mosquitto configuration has %d lines %q, want 1", found[key], key)
		}
	}
	return text.String(), nil
}

func findDynsec() (string, error) {
	for _, place := range dynsecPlaces {
		found, _ := filepath.Glob(filepath.Join(place, dynsecPlugin)) // a bad pattern finds nothing
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("testservers: %s not found: apt-get install mosquitto", dynsecPlugin)
}

// deployFolder finds deploy/mosquitto of the repository around the working directory.
func deployFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		folder := filepath.Join(dir, "deploy", "mosquitto")
		if _, err := os.Stat(filepath.Join(folder, "mosquitto.conf")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("testservers: deploy/mosquitto/mosquitto.conf not found above the working directory")
		}
		dir = parent
	}
}
