package merchant

import "testing"

// TestFeeRule: the most specific rule counts; where there is none, none does.
func TestFeeRule(t *testing.T) {
	rules := []FeeRule{
		{MerchantID: "SHOP1", MCC: "5411", BasisPoints: 1}, {MerchantID: "SHOP1", BasisPoints: 2},
		{MCC: "5411", BasisPoints: 3}, {BasisPoints: 4},
	}
	for _, tt := range []struct {
		rules         []int
		merchant, mcc string
		want          int64 // 0: none
	}{
		{[]int{0, 1, 2, 3}, "SHOP1", "5411", 1}, {[]int{1, 2, 3}, "SHOP1", "5411", 2}, {[]int{2, 3}, "SHOP1", "5411", 3},
		{[]int{3}, "SHOP1", "5411", 4}, {nil, "SHOP1", "5411", 0},
		{[]int{0, 1, 2, 3}, "SHOP1", "5812", 2}, {[]int{0, 2, 3}, "SHOP1", "5812", 4}, {[]int{0, 2}, "SHOP1", "5812", 0},
		{[]int{0, 1, 2, 3}, "SHOP2", "5411", 3}, {[]int{0, 1, 3}, "SHOP2", "5411", 4}, {[]int{0, 1}, "SHOP2", "5411", 0},
		{[]int{0, 1, 2, 3}, "SHOP2", "5812", 4}, {[]int{0, 1, 2}, "SHOP2", "5812", 0},
		{[]int{0, 1, 2, 3}, "SHOP2", "", 4}, {[]int{0, 1, 2, 3}, "SHOP1", "", 2},
	} {
		var d Data
		for _, i := range tt.rules {
			d.FeeRules = append(d.FeeRules, rules[i])
		}
		rule, ok := New(d).FeeRule(tt.merchant, tt.mcc)
		if ok != (tt.want != 0) || rule.BasisPoints != tt.want {
			t.Errorf("rules %v for %s, %s: %+v %v, want %d", tt.rules, tt.merchant, tt.mcc, rule, ok, tt.want)
		}
	}
}

// TestSandboxFees: the sandbox has no schedule, so that its payees' own fees count:
// 1000.00 settles 995.00 (PRD 8.4), and nofee@mercury pays none (PRD 6.2 S1).
func TestSandboxFees(t *testing.T) {
	dir := New(Sandbox())
	if rule, ok := dir.FeeRule("MERCHANTUAT", "5411"); ok {
		t.Errorf("a rule of the sandbox: %+v", rule)
	}
}
