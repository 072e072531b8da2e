package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestCommands: each has help that needs no server; without one there is a list.
func TestCommands(t *testing.T) {
	t.Parallel()
	list := "Usage: go run ./hack/load COMMAND"
	for _, c := range commands() {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{c.name, "-h"}, &out, &errs); code != 0 || out.Len() == 0 || errs.Len() != 0 {
			t.Errorf("%s -h: exit %d\n%s%s", c.name, code, &out, &errs)
		}
		out.Reset()
		if code := run(t.Context(), []string{c.name, "-nosuchflag"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "load "+c.name+": flag provided but not defined") {
			t.Errorf("%s -nosuchflag: exit %d\n%s", c.name, code, &errs)
		}
		out.Reset()
		if code := run(t.Context(), []string{"-h"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "  "+c.name+" ") {
			t.Errorf("-h: exit %d\n%s", code, &out)
		}
	}
	for _, args := range [][]string{nil, {"nosuch"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != 2 || !strings.Contains(errs.String(), list) || out.Len() != 0 {
			t.Errorf("%v: exit %d\n%s%s", args, code, &out, &errs)
		}
	}
}
