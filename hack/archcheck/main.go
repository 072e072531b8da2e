// Command archcheck checks who may import whom in Galla: the rules of the house
// (DESIGN 2) as a table, held against what the Go toolchain says the packages
// import. `make test` and `make verify` run it.
//
//	go run ./hack/archcheck [FOLDER]
//
// It prints one line for each broken rule and ends with 1 if there is one.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	folder := "."
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	os.Exit(run(folder, os.Stdout, os.Stderr))
}

// run checks the workspace around folder. It returns the exit code: 0 good,
// 1 rules are broken, 2 the packages could not be listed.
func run(folder string, out, errs io.Writer) int {
	root, err := findRoot(folder)
	if err != nil {
		fmt.Fprintln(errs, "archcheck:", err)
		return 2
	}
	world, err := load(root)
	if err != nil {
		fmt.Fprintln(errs, "archcheck:", err)
		return 2
	}
	broken, err := check(world, houseRules)
	if err != nil {
		fmt.Fprintln(errs, "archcheck:", err)
		return 2
	}
	for _, b := range broken {
		fmt.Fprintln(out, b)
	}
	if len(broken) > 0 {
		return 1
	}
	fmt.Fprintf(out, "archcheck: %d packages keep %d rules\n", len(world.ours()), len(houseRules))
	return 0
}
