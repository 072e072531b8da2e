package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/galla-pay/galla/protocol/xverify"
)

// signCommand signs a request as a POS does (phonepe-api: Wire rules).
type signCommand struct {
	Path     string `required:"" placeholder:"/v1/payment/init" help:"The route to sign, without host and deployment prefix."`
	File     string `arg:"" optional:"" help:"The payload, a JSON file; - for standard input. Without it a GET is signed."`
	Curl     bool   `help:"Print a curl command that works as it stands."`
	URL      string `name:"url" default:"http://127.0.0.1:8080" help:"Where the controller is, for --curl."`
	SaltKey  string `default:"sandbox-merchant-key" help:"The salt key; the default is the sandbox's."`
	Index    int    `name:"salt-index" default:"1" help:"The salt key's index."`
	Provider string `help:"X-PROVIDER-ID, where a provider's key signs."`
	JSON     bool   `name:"json" help:"Print an object with xVerify and body."`
}

// Run signs and prints.
func (s signCommand) Run(out io.Writer) error {
	if !strings.HasPrefix(s.Path, "/") {
		return fmt.Errorf("--path %s: a route begins with /, like /v1/payment/init", s.Path)
	}
	if s.Index < 1 || s.Index > xverify.MaxIndex {
		return fmt.Errorf("--salt-index must be 1 to %d", xverify.MaxIndex)
	}
	encoded, body := "", ""
	if s.File != "" {
		payload, err := s.read()
		if err != nil {
			return err
		}
		encoded = xverify.EncodeBody(payload)
		body = `{"request":"` + encoded + `"}`
	}
	header := xverify.Header(encoded, s.Path, s.SaltKey, s.Index)
	switch {
	case s.JSON:
		return json.NewEncoder(out).Encode(map[string]string{"xVerify": header, "body": body})
	case s.Curl:
		_, err := fmt.Fprintln(out, s.curl(header, body))
		return err
	}
	_, err := fmt.Fprintf(out, "X-VERIFY: %s\n", header)
	if err == nil && body != "" {
		_, err = fmt.Fprintln(out, body)
	}
	return err
}

func (s signCommand) read() ([]byte, error) {
	var payload []byte
	var err error
	if s.File == "-" {
		payload, err = io.ReadAll(os.Stdin)
	} else {
		payload, err = os.ReadFile(s.File)
	}
	if err != nil {
		return nil, err
	}
	if !json.Valid(payload) {
		return nil, errors.New(strconv.Quote(s.File) + " is not JSON")
	}
	return payload, nil
}

func (s signCommand) curl(header, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "curl -s %s -H 'X-VERIFY: %s'", strings.TrimSuffix(s.URL, "/")+s.Path, header)
	if s.Provider != "" {
		fmt.Fprintf(&b, " -H 'X-PROVIDER-ID: %s'", s.Provider)
	}
	if body != "" {
		fmt.Fprintf(&b, " -H 'Content-Type: application/json' -d '%s'", body)
	}
	return b.String()
}
