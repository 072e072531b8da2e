package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// OpenPatient is Open with writers that wait longer for a lock, for tests that
// look at what is locked meanwhile.
func OpenPatient(ctx context.Context, cfg Config) (*DB, error) { return open(ctx, cfg, "20s") }

// Writers are the connections that batches are written on.
func (db *DB) Writers() *pgxpool.Pool { return db.write }

// Readers are the others.
func (db *DB) Readers() *pgxpool.Pool { return db.read }

// Statements of batches and of readers, by name, for the tests of their plans.
var (
	BatchStatements = map[string]string{
		"lock a terminal": lockTerminal, "lock terminals": lockTerminals, "lock payments": lockPayments,
		"lock payments of one": lockPaymentsOfOne, "lock quotes": lockQuotes,
		"find messages": findMessages, "lock ReqPays": lockReqPays,
		"resolve tokens": resolveTokens, "resolve keys": resolveKeys, "resolve payments": resolvePayments,
		"update a payment": savePayments.updateOne, "update payments": savePayments.updateMany,
		"update a terminal": saveTerminals.updateOne, "update terminals": saveTerminals.updateMany,
		"update payments' hold": savePayments.updates[0].text, "update asked payments": savePayments.updates[1].text,
		"update shown payments": savePayments.updates[2].text, "update paid payments": savePayments.updates[3].text,
		"update heard terminals": saveTerminals.updates[0].text, "update told terminals": saveTerminals.updates[1].text,
		"update terminals heard and told": saveTerminals.updates[2].text, "update assessed quotes": saveQuotes.updates[0].text,
		"update spent quotes": saveQuotes.updates[1].text, "update quotes, assessed and spent": saveQuotes.updates[2].text,
		"insert displayed payments": savePayments.inserts[0].text, "insert foreign payments": savePayments.inserts[1].text,
		"update a quote": saveQuotes.updateOne, "update quotes": saveQuotes.updateMany,
		"insert a payment": savePayments.insertOne, "insert payments": savePayments.insertMany,
		"insert events": saveEvents.insertMany, "insert callbacks": saveCallbacks.insertMany,
	}
	ReadStatements = map[string]string{
		"payment by either id": selectPayment + "merchant_id = $1 AND merchant_transaction_id = $2 UNION ALL " +
			selectPayment + "id = $2 AND merchant_id = $1",
		"payment by our id": selectPayment + "id = $1",
		"events":            "SELECT " + eventShape.names + " FROM transaction_events WHERE transaction_id = $1 ORDER BY seq",
		"unacked":           selectUnacked, "due payments": duePayments, "due terminals": dueTerminals, "next due": nextDue,
		"due holds": dueHolds, "unprocessed": selectUnprocessed, "latest quote": selectLatestQuote, "ReqPay": selectReqPay,
		"wanted terminals": "SELECT 1 " + wantedTerminals, "wanted payments": selectPayment + wantedPayments,
		"lease callbacks": lease, "next callback": nextCallback, "expire callbacks": expireCallbacks,
		"record an attempt": recordAttempt, "record a delivery": recordDelivered, "record another outcome": recordOther,
	}
)
