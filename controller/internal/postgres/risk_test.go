package postgres_test

import (
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestRiskContract(t *testing.T) {
	t.Parallel()
	storagetest.RunRisk(t, func(t *testing.T) storagetest.RiskStorage { return open(t) })
}

// However many messages there are, those of one party are found by index; those
// that are counted are read from the index alone.
func TestRiskFactsGoByIndex(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openAt(t, dsn), raw(t, dsn)
	for _, fill := range []string{
		`INSERT INTO payees (vpa, merchant_id, active, fee_basis_points, acquirer_code)
			SELECT 'shop' || n || '@upi', 'M' || n / 3, true, 0, '' FROM generate_series(1, 2000) AS n`,
		`INSERT INTO qr_validations (ver_token, org_id, msg_id, initiation_mode, qr_medium, validation_type, transaction_id, payee_addr,
				base_amount, base_curr, inr_amount_calc, mcc, created_at, qr_expires_at, used_by, request_hash, response_hash)
			SELECT 't' || n, 'O', 'v' || n, '16', '', 'DOMESTIC', '', 'Shop' || n % 2000 || '@upi', 1, 'INR', 1, '', now() - n * interval '1 s', now(), '', '', ''
			FROM generate_series(1, 20000) AS n`,
		`INSERT INTO req_pays (org_id, txn_id, msg_id, ver_token, transaction_id, amount, payer_addr, payee_addr, status, code,
				settlement_amount, at, request_hash, response_hash)
			SELECT 'O', 'x' || n, 'm' || n, '', '', 1, 'payer' || n % 3000 || '@upi', 'Shop' || n % 2000 || '@upi',
				CASE n % 20 WHEN 0 THEN 'FAILED' ELSE 'SUCCESS' END, '', 1, now() - n * interval '1 s', '', ''
			FROM generate_series(1, 20000) AS n`,
		"VACUUM ANALYZE payees, qr_validations, req_pays",
	} {
		if _, err := outsider.Exec(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	byIndex := func(name, query, index string) {
		goesBy(t, name, index, plan(t, db, false, query))
	}
	for c, index := range map[risk.Count]string{
		{What: risk.Validations, Of: risk.Payee}:    "Index Only Scan using qr_validations_of_payee",
		{What: risk.Validations, Of: risk.Merchant}: "Index Only Scan using qr_validations_of_payee",
		{What: risk.Payments, Of: risk.Payer}:       "Index Only Scan using req_pays_of_payer",
		{What: risk.Payments, Of: risk.Payee}:       "Index Only Scan using req_pays_of_payee",
		{What: risk.Payments, Of: risk.Merchant}:    "Index Only Scan using req_pays_of_payee",
		{What: risk.Declined, Of: risk.Payer}:       "Index Only Scan using req_pays_failed_of_payer",
		{What: risk.Declined, Of: risk.Payee}:       "Index Only Scan using req_pays_failed_of_payee",
		{What: risk.Declined, Of: risk.Merchant}:    "Index Only Scan using req_pays_failed_of_payee",
	} {
		query, err := postgres.RiskCountSQL(c)
		if err != nil {
			t.Fatal(err)
		}
		byIndex(string(c.What)+" of the "+string(c.Of), query, index)
		if c.Of == risk.Merchant {
			byIndex(string(c.What)+" of the merchant", query, "using payees_merchant")
		}
	}
	byIndex("the sample", postgres.RiskSampleSQL, "Index Scan Backward using req_pays_of_payee")
}

func goesBy(t *testing.T, name, index string, plan []string) {
	t.Helper()
	lines := strings.Join(plan, "\n")
	if strings.Contains(lines, "Seq Scan") || !strings.Contains(lines, index) {
		t.Errorf("%s: the plan does without %q:\n%s", name, index, lines)
	}
}

// The same of tables that grew since anybody looked at them, as they do on the first
// day, with a plan that is made for the very party: what is not needed of a busy
// payee is not read.
func TestRiskFactsGoByIndexUnanalyzed(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openAt(t, dsn), raw(t, dsn)
	if _, err := outsider.Exec(t.Context(), `INSERT INTO req_pays (org_id, txn_id, msg_id, ver_token, transaction_id, amount, payer_addr, payee_addr,
			status, code, settlement_amount, at, request_hash, response_hash)
		SELECT 'O', 'x' || n, 'm' || n, '', '', 1, 'payer' || n % 50 || '@upi', 'shop' || n % 4 || '@upi', 'SUCCESS', '', 1,
			now() - n * interval '1 ms', '', '' FROM generate_series(1, 5000) AS n`); err != nil {
		t.Fatal(err)
	}
	conn, err := db.Readers().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	explain := func(query, atMost string) (lines []string) {
		t.Helper()
		results, err := conn.Conn().PgConn().Exec(t.Context(), "SET plan_cache_mode = force_custom_plan; PREPARE it AS "+query+
			"; EXPLAIN EXECUTE it('{shop1@upi,shop2@upi}', 2592000000000, "+atMost+"); DEALLOCATE it").ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for _, row := range results[2].Rows {
			lines = append(lines, string(row[0]))
		}
		return lines
	}
	goesBy(t, "the sample", "Index Scan Backward using req_pays_of_payee", explain(postgres.RiskSampleSQL, "100"))
	for of, index := range map[risk.Party]string{
		risk.Payee: "Index Only Scan using req_pays_of_payee", risk.Payer: "Index Only Scan using req_pays_of_payer",
	} {
		query, err := postgres.RiskCountSQL(risk.Count{What: risk.Payments, Of: of})
		if err != nil {
			t.Fatal(err)
		}
		goesBy(t, "payments of the "+string(of), index, explain(query, "60"))
	}
}
