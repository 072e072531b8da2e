// Package growth fills a database with payments as they are after a shop's day, and
// says what a payment costs in it, beside one that is nearly empty (DESIGN 3.1:
// what is unique for ever is in one piece and grows; performance: end to end).
//
//	go run ./hack/load payments -payments 2000000 -months 12
//	go run ./hack/load payments -payments 2000000 -data /var/tmp/galla-growth -rounds 0
//	go run ./hack/load payments -payments 2000000 -data /var/tmp/galla-growth
//
// It starts its own PostgreSQL and two real controllers, one on each database; lets
// one payment be made and paid through the doors, and copies its rows, with ids and
// times of their own, by the server itself; then asks both controllers in turn, A B
// A B, and prints the ratios, the blocks touched and the sizes for each payment.
// Orders are pulled by a terminal that is connected to the controller's broker.
// Judge by blocks and ratios: a clock alone says little on a shared machine.
//
// Filling is one transaction without indexes, which are built after it, on a server
// that does not sync; some 5,000 payments a second. It is measured on one that does.
//
// Nothing that is shipped imports it. All that it started and all that it wrote is
// gone when Run returns, and also when the process is killed, but for what stands in
// the folder of -data.
package growth
