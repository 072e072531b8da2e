package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheKeyIsWhereTheConfigurationSays: it is made there, for its owner alone,
// and nowhere else; the terminal finds it again.
func TestTheKeyIsWhereTheConfigurationSays(t *testing.T) {
	t.Parallel()
	server := controller(t)
	dir, store := filepath.Join(t.TempDir(), "data"), t.TempDir()
	key := filepath.Join(store, "galla.key")
	file := configFile(t, displayConfig(dir, `key-file = "`+key+`"`))
	if code, out, errs := call(t, "enroll", "--code", code, "--controller", server.URL, "--config", file, "--ca", ca(t, server)); code != exitGood {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key: %v, %v", info, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "enrolment.json"))
	if err != nil || strings.Contains(string(text), "PRIVATE KEY") {
		t.Errorf("the enrolment holds the key too, %v", err)
	}
	_, out, _ := call(t, "doctor", "--config", file)
	if !strings.Contains(out, "✓ identity     enrolled as MERCHANTUAT/teststore1/testterminal1, device key ") {
		t.Error(out)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	_, out, _ = call(t, "doctor", "--config", file)
	if !strings.Contains(out, "✗ identity     identity: "+key+" may be read by others (mode 0644)") {
		t.Error(out)
	}
}
