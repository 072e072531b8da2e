package table

import "testing"

func TestTablesOfEnrolmentAreWellFormed(t *testing.T) {
	t.Parallel()
	check(t, EnrolCodes)
	check(t, Revocations)
}
