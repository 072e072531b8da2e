package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// parse reads the command line, the environment and the file of --config. A
// key of the file that is no flag refuses to start: it is a typing error.
func parse(parser *kong.Kong, args []string) (*kong.Context, error) {
	file := configFile(args)
	if file == "" {
		return parser.Parse(args)
	}
	var values map[string]any
	if _, err := toml.DecodeFile(file, &values); err != nil {
		return nil, fmt.Errorf("config file %s: %w", file, err)
	}
	if unknown := unknownKeys(parser.Model, values); len(unknown) > 0 {
		return nil, fmt.Errorf("config file %s: %s is no flag of galla-controller", file, strings.Join(unknown, ", "))
	}
	resolver := kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil // kong would let the file win
			}
		}
		v, ok := values[flag.Name]
		if !ok {
			return nil, nil
		}
		return fmt.Sprint(v), nil
	})
	if err := kong.Resolvers(resolver).Apply(parser); err != nil {
		return nil, err
	}
	return parser.Parse(args)
}

// configFile finds --config before everything else is parsed.
func configFile(args []string) string {
	for i, arg := range args {
		if rest, ok := strings.CutPrefix(arg, "--config="); ok {
			return rest
		}
		if arg == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return os.Getenv("GALLA_CONFIG")
}

func unknownKeys(model *kong.Application, values map[string]any) []string {
	known := map[string]bool{}
	var walk func(*kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(model.Node)
	var unknown []string
	for key := range values {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	sort.Strings(unknown)
	return unknown
}
