// Package upi is the load of the UPI network: ReqValQr and ReqPay, half of each,
// at a fixed rate (PRD 10: 10,000 requests a second in all; performance: end to
// end). Command load calls Run; the benchmarks of this package are for hack/bench.
//
// # Open loop
//
// When each request is to be sent is decided before the run: gaps drawn from an
// exponential distribution, as from many banks that know nothing of each other, or
// all of one length. Nothing that the server does moves that schedule. A request's
// latency is counted from its moment in the schedule to the last byte of its
// answer, so that a server that stalls is charged for every request that came due
// meanwhile, and so is this program where it sends late. A request that gets no
// answer 00 counts with the whole of its time limit.
//
// Each ReqPay spends a token that a ReqValQr got before. Tokens wait in a queue
// that is filled before the run, so that the rate of ReqPay does not hang on that
// of answers; one that comes due when the queue is empty is a failure of the server.
//
// # Cheap
//
// It stands beside the server on the same cores, so that what it costs is taken
// from what it measures: one thread, epoll, requests made by putting ids into a
// template, answers read in place. It says what CPU time it took.
//
// # Noise
//
// Other programs and other guests of the machine take CPU as well. What they took
// is measured during the run, and a run that missed its goals in such a time gives
// no verdict (noise.go). One that met them in spite of it has met them.
package upi
