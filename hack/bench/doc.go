// Command bench measures the goals of this project and says which are met:
//
//	make bench
//	go run ./hack/bench -only journal -rounds 5
//
// A row is one figure against a reference that is measured in the same run, in
// turn (A B A B), so that what the machine does besides hits both. Absolute numbers
// mean nothing on a shared machine; ratios do. In each round it is watched whether
// somebody else takes CPU. A round of such a time is taken again while there is
// time, and does not count where enough others were quiet; a row that never had
// enough quiet rounds is judged "too noisy" and neither ok nor short.
//
// The table goes to standard output, the same to bench.json, and the benchmarks'
// own lines to bench.txt, for benchstat. The exit code is 0 also when a row is
// short; it is 1 when something could not be measured.
//
// What is measured are ordinary benchmarks of the packages that they stand in: the
// files rows*.go say which. Each package's test binary is built once.
package main
