// Package growth fills a database with payments as they are after a shop's day, and
// says what a payment costs in it, beside one that is nearly empty (DESIGN 3.1:
// what is unique for ever is in one piece and grows; performance: end to end).
//
//	go run ./hack/load payments -payments 2000000 -months 12
//
// It starts its own PostgreSQL and two real controllers, one on each database; lets
// one payment be made and paid through the doors, and copies its rows, with ids and
// times of their own, by the server itself; then asks both controllers in turn, A B
// A B, and prints the ratios, the blocks touched and the sizes for each payment.
// Judge by blocks and ratios: a clock alone says little on a shared machine.
//
// Nothing that is shipped imports it. All that it started and all that it wrote is
// gone when Run returns, and also when the process is killed.
package growth
