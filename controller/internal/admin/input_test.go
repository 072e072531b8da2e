package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin"
)

// TestBadInput: every field's rule, as one row; nothing is changed by any.
func TestBadInput(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	s, ctx := admin.NewService(db), t.Context()
	shop(t, s)
	_, err := s.CreateProvider(ctx, me, admin.NewProvider{ProviderID: "VENDOR"})
	is(t, "provider", err, "", "")
	_, err = s.CreateMerchant(ctx, me, admin.NewMerchant{MerchantID: "SHOP2", Name: "Two", MCC: "1234", Payee: "shop2@upi"})
	is(t, "merchant", err, "", "")
	_, err = s.CreateOrganisation(ctx, me, admin.NewOrganisation{OrganisationID: "BANK1", Certificates: []string{certificate(t, "one")}})
	is(t, "organisation", err, "", "")

	newMerchant := func(change func(*admin.NewMerchant)) func() error {
		return func() error {
			in := admin.NewMerchant{MerchantID: "SHOP9", Name: "Nine", MCC: "5411", Payee: "shop9@upi"}
			change(&in)
			_, err := s.CreateMerchant(ctx, me, in)
			return err
		}
	}
	newTerminal := func(change func(*admin.NewTerminal)) func() error {
		return func() error {
			in := admin.NewTerminal{MerchantID: "SHOP1", StoreID: "STORE1", TerminalID: "T9"}
			change(&in)
			_, err := s.CreateTerminal(ctx, me, in)
			return err
		}
	}
	newPayee := func(in admin.NewPayee) func() error {
		return func() error { _, err := s.CreatePayee(ctx, me, in); return err }
	}
	basisPoints := func(bp int64) *int64 { return &bp }
	setFee := func(merchantID, mcc string, in admin.FeeTerms) func() error {
		return func() error { _, err := s.SetFee(ctx, me, merchantID, mcc, in); return err }
	}
	newOrganisation := func(in admin.NewOrganisation) func() error {
		return func() error { _, err := s.CreateOrganisation(ctx, me, in); return err }
	}
	newKey := func(in admin.NewKey) func() error {
		return func() error { _, err := s.CreateKey(ctx, me, in); return err }
	}
	newToken := func(name, role string) func() error {
		return func() error { _, err := s.CreateToken(ctx, me, admin.NewToken{Name: name, Role: role}); return err }
	}
	long := strings.Repeat("A", 40)
	empty, taken, foreign := "", "shop2@upi", "no-vpa"
	few, negative := int64(9), int64(-1)
	const invalid = admin.CodeInvalid
	lines := len(auditOf(t, s))
	for what, tt := range map[string]struct {
		do    func() error
		code  admin.Code
		field string
	}{
		"no id":              {newMerchant(func(m *admin.NewMerchant) { m.MerchantID = "" }), invalid, "merchantId"},
		"40 characters":      {newMerchant(func(m *admin.NewMerchant) { m.MerchantID = long }), invalid, "merchantId"},
		"a dot in an id":     {newMerchant(func(m *admin.NewMerchant) { m.MerchantID = "A.B" }), invalid, "merchantId"},
		"a slash in an id":   {newMerchant(func(m *admin.NewMerchant) { m.MerchantID = "A/B" }), invalid, "merchantId"},
		"no name":            {newMerchant(func(m *admin.NewMerchant) { m.Name = "" }), invalid, "name"},
		"101 characters":     {newMerchant(func(m *admin.NewMerchant) { m.Name = strings.Repeat("₹", 101) }), invalid, "name"},
		"a new line":         {newMerchant(func(m *admin.NewMerchant) { m.Name = "A\nB" }), invalid, "name"},
		"a space before":     {newMerchant(func(m *admin.NewMerchant) { m.Name = " A" }), invalid, "name"},
		"right to left":      {newMerchant(func(m *admin.NewMerchant) { m.Name = "A\u202eB" }), invalid, "name"},
		"three digits":       {newMerchant(func(m *admin.NewMerchant) { m.MCC = "541" }), invalid, "mcc"},
		"letters":            {newMerchant(func(m *admin.NewMerchant) { m.MCC = "54a1" }), invalid, "mcc"},
		"no VPA":             {newMerchant(func(m *admin.NewMerchant) { m.Payee = "shop9" }), invalid, "payee"},
		"another's VPA":      {newMerchant(func(m *admin.NewMerchant) { m.Payee = "SHOP2@upi" }), invalid, "payee"},
		"a negative fee":     {newMerchant(func(m *admin.NewMerchant) { m.FeeBasisPoints = -1 }), invalid, "feeBasisPoints"},
		"more than all":      {newMerchant(func(m *admin.NewMerchant) { m.FeeBasisPoints = 10_001 }), invalid, "feeBasisPoints"},
		"no URL":             {newMerchant(func(m *admin.NewMerchant) { m.CallbackURL = "pos.example/cb" }), invalid, "callbackUrl"},
		"a user in a URL":    {newMerchant(func(m *admin.NewMerchant) { m.CallbackURL = "https://a:b@pos.example/" }), invalid, "callbackUrl"},
		"another scheme":     {newMerchant(func(m *admin.NewMerchant) { m.CallbackURL = "file:///etc/passwd" }), invalid, "callbackUrl"},
		"a host with a port": {newMerchant(func(m *admin.NewMerchant) { m.CallbackHosts = []string{"pos.example:443"} }), invalid, "callbackHosts"},
		"an address":         {newMerchant(func(m *admin.NewMerchant) { m.CallbackHosts = []string{"192.0.2.1"} }), invalid, "callbackHosts"},
		"one label":          {newMerchant(func(m *admin.NewMerchant) { m.CallbackHosts = []string{"localhost"} }), invalid, "callbackHosts"},
		"upper case":         {newMerchant(func(m *admin.NewMerchant) { m.CallbackHosts = []string{"POS.example"} }), invalid, "callbackHosts"},
		"a star":             {newMerchant(func(m *admin.NewMerchant) { m.CallbackHosts = []string{"*.example.in"} }), invalid, "callbackHosts"},
		"a host twice":       {newMerchant(func(m *admin.NewMerchant) { m.CallbackHosts = []string{"a.example", "a.example"} }), invalid, "callbackHosts"},
		"21 hosts":           {newMerchant(func(m *admin.NewMerchant) { m.CallbackHosts = hosts(21) }), invalid, "callbackHosts"},
		"a provider's id":    {newMerchant(func(m *admin.NewMerchant) { m.MerchantID = "VENDOR" }), admin.CodeExists, ""},
		"a merchant twice":   {newMerchant(func(m *admin.NewMerchant) { m.MerchantID = "SHOP1" }), admin.CodeExists, ""},
		"update to no name": {func() error {
			_, err := s.UpdateMerchant(ctx, me, "SHOP1", admin.MerchantUpdate{Name: &empty})
			return err
		}, invalid, "name"},
		"update to no VPA": {func() error {
			_, err := s.UpdateMerchant(ctx, me, "SHOP1", admin.MerchantUpdate{Payee: &foreign})
			return err
		}, invalid, "payee"},
		"update to another's": {func() error {
			_, err := s.UpdateMerchant(ctx, me, "SHOP1", admin.MerchantUpdate{Payee: &taken})
			return err
		}, invalid, "payee"},
		"update of none": {func() error { _, err := s.UpdateMerchant(ctx, me, "SHOP9", admin.MerchantUpdate{}); return err }, admin.CodeNotFound, ""},

		"a store of nobody": {func() error {
			_, err := s.CreateStore(ctx, me, admin.NewStore{MerchantID: "SHOP9", StoreID: "S", Name: "N"})
			return err
		}, invalid, "merchantId"},
		"a store twice": {func() error {
			_, err := s.CreateStore(ctx, me, admin.NewStore{MerchantID: "SHOP1", StoreID: "STORE1", Name: "N"})
			return err
		}, admin.CodeExists, ""},
		"another's store": {func() error { _, err := s.UpdateStore(ctx, me, "SHOP2", "STORE1", admin.StoreUpdate{}); return err }, admin.CodeNotFound, ""},

		"a terminal of no store": {newTerminal(func(x *admin.NewTerminal) { x.StoreID = "STORE9" }), invalid, "storeId"},
		"another's store again":  {newTerminal(func(x *admin.NewTerminal) { x.MerchantID = "SHOP2" }), invalid, "storeId"},
		"a terminal twice":       {newTerminal(func(x *admin.NewTerminal) { x.TerminalID = "T1" }), admin.CodeExists, ""},
		"a terminal's id":        {newTerminal(func(x *admin.NewTerminal) { x.TerminalID = "T 1" }), invalid, "terminalId"},
		"a label":                {newTerminal(func(x *admin.NewTerminal) { x.Label = "\x07" }), invalid, "label"},
		"9 seconds":              {newTerminal(func(x *admin.NewTerminal) { x.PaymentWindowSeconds = 9 }), invalid, "paymentWindowSeconds"},
		"1801 seconds":           {newTerminal(func(x *admin.NewTerminal) { x.PaymentWindowSeconds = 1801 }), invalid, "paymentWindowSeconds"},
		"-1 seconds":             {newTerminal(func(x *admin.NewTerminal) { x.PaymentWindowSeconds = -1 }), invalid, "paymentWindowSeconds"},
		"language":               {newTerminal(func(x *admin.NewTerminal) { x.Language = "fr" }), invalid, "language"},
		"busy":                   {newTerminal(func(x *admin.NewTerminal) { x.Busy = "drop" }), invalid, "busy"},
		"update to 9 seconds": {func() error {
			_, err := s.UpdateTerminal(ctx, me, t1, admin.TerminalUpdate{PaymentWindowSeconds: &few})
			return err
		}, invalid, "paymentWindowSeconds"},

		"a payee of nobody": {newPayee(admin.NewPayee{VPA: "x@upi", MerchantID: "SHOP9"}), invalid, "merchantId"},
		"a payee twice":     {newPayee(admin.NewPayee{VPA: "SHOP1@UPI", MerchantID: "SHOP1"}), admin.CodeExists, ""},
		"an acquirer code":  {newPayee(admin.NewPayee{VPA: "x@upi", MerchantID: "SHOP1", AcquirerCode: "00"}), invalid, "acquirerCode"},
		"update to a negative fee": {func() error {
			_, err := s.UpdatePayee(ctx, me, "shop1@upi", admin.PayeeUpdate{FeeBasisPoints: &negative})
			return err
		}, invalid, "feeBasisPoints"},

		"no basis points":          {setFee("SHOP1", "5411", admin.FeeTerms{}), invalid, "basisPoints"},
		"-1 basis points":          {setFee("SHOP1", "*", admin.FeeTerms{BasisPoints: basisPoints(-1)}), invalid, "basisPoints"},
		"10001 basis points":       {setFee("*", "*", admin.FeeTerms{BasisPoints: basisPoints(10_001)}), invalid, "basisPoints"},
		"a negative least":         {setFee("*", "*", admin.FeeTerms{BasisPoints: basisPoints(1), MinPaise: -1}), invalid, "minPaise"},
		"a negative most":          {setFee("*", "*", admin.FeeTerms{BasisPoints: basisPoints(1), CapPaise: -1}), invalid, "capPaise"},
		"too great a least":        {setFee("*", "*", admin.FeeTerms{BasisPoints: basisPoints(1), MinPaise: 10_000_000_001}), invalid, "minPaise"},
		"too great a most":         {setFee("*", "*", admin.FeeTerms{BasisPoints: basisPoints(1), CapPaise: 10_000_000_001}), invalid, "capPaise"},
		"a least above the most":   {setFee("*", "*", admin.FeeTerms{BasisPoints: basisPoints(1), MinPaise: 11, CapPaise: 10}), invalid, "minPaise"},
		"another rounding":         {setFee("*", "*", admin.FeeTerms{BasisPoints: basisPoints(1), Rounding: "nearest"}), invalid, "rounding"},
		"a fee of no category":     {setFee("*", "54", admin.FeeTerms{BasisPoints: basisPoints(1)}), invalid, "mcc"},
		"a fee of an empty one":    {setFee("*", "", admin.FeeTerms{BasisPoints: basisPoints(1)}), invalid, "mcc"},
		"a fee of no id":           {setFee("A.B", "*", admin.FeeTerms{BasisPoints: basisPoints(1)}), invalid, "merchantId"},
		"a fee of an empty id":     {setFee("", "*", admin.FeeTerms{BasisPoints: basisPoints(1)}), invalid, "merchantId"},
		"a fee of nobody":          {setFee("SHOP9", "*", admin.FeeTerms{BasisPoints: basisPoints(1)}), admin.CodeNotFound, ""},
		"remove a fee not there":   {func() error { _, err := s.RemoveFee(ctx, me, "SHOP1", "5411"); return err }, admin.CodeNotFound, ""},
		"remove a fee of no name":  {func() error { _, err := s.RemoveFee(ctx, me, "", ""); return err }, admin.CodeNotFound, ""},
		"remove a fee of no form":  {func() error { _, err := s.RemoveFee(ctx, me, "A.B", "x"); return err }, admin.CodeNotFound, ""},
		"list the fees of no form": {func() error { _, err := s.Fees(ctx, "A.B", "", 10); return err }, invalid, "merchantId"},

		"a provider twice": {func() error { _, err := s.CreateProvider(ctx, me, admin.NewProvider{ProviderID: "VENDOR"}); return err }, admin.CodeExists, ""},
		"a merchant's id":  {func() error { _, err := s.CreateProvider(ctx, me, admin.NewProvider{ProviderID: "SHOP1"}); return err }, admin.CodeExists, ""},
		"a provider of none": {func() error {
			_, err := s.CreateProvider(ctx, me, admin.NewProvider{ProviderID: "V", Merchants: []string{"SHOP9"}})
			return err
		}, invalid, "merchants"},
		"mapped twice": {func() error {
			_, err := s.CreateProvider(ctx, me, admin.NewProvider{ProviderID: "V", Merchants: []string{"SHOP1", "SHOP1"}})
			return err
		}, invalid, "merchants"},
		"map nobody":            {func() error { _, err := s.MapProvider(ctx, me, "VENDOR", "SHOP9"); return err }, admin.CodeNotFound, ""},
		"map by nobody":         {func() error { _, err := s.MapProvider(ctx, me, "VENDOR9", "SHOP1"); return err }, admin.CodeNotFound, ""},
		"unmap one that is not": {func() error { _, err := s.UnmapProvider(ctx, me, "VENDOR", "SHOP1"); return err }, admin.CodeNotFound, ""},

		"an organisation twice":  {newOrganisation(admin.NewOrganisation{OrganisationID: "BANK1"}), admin.CodeExists, ""},
		"its payee":              {newOrganisation(admin.NewOrganisation{OrganisationID: "BANK2", DefaultPayee: "x"}), invalid, "defaultPayee"},
		"no certificate":         {newOrganisation(admin.NewOrganisation{OrganisationID: "BANK2", Certificates: []string{"PEM"}}), invalid, "certificates"},
		"two in one":             {newOrganisation(admin.NewOrganisation{OrganisationID: "BANK2", Certificates: []string{certificate(t, "one") + certificate(t, "two")}}), invalid, "certificates"},
		"a key that is too weak": {newOrganisation(admin.NewOrganisation{OrganisationID: "BANK2", Certificates: []string{weakCertificate(t)}}), invalid, "certificates"},
		"a certificate twice": {func() error {
			_, err := s.AddCertificate(ctx, me, "BANK1", admin.NewCertificate{Certificate: certificate(t, "one")})
			return err
		}, admin.CodeExists, ""},
		"a certificate not there": {func() error { _, err := s.RemoveCertificate(ctx, me, "BANK1", "00"); return err }, admin.CodeNotFound, ""},

		"a key of nobody":       {newKey(admin.NewKey{Owner: "SHOP9"}), invalid, "owner"},
		"index -1":              {newKey(admin.NewKey{Owner: "SHOP1", Index: -1}), invalid, "index"},
		"index 1000000":         {newKey(admin.NewKey{Owner: "SHOP1", Index: 1_000_000}), invalid, "index"},
		"a time":                {newKey(admin.NewKey{Owner: "SHOP1", NotBefore: "tomorrow"}), invalid, "notBefore"},
		"the end first":         {newKey(admin.NewKey{Owner: "SHOP1", NotBefore: "2099-01-02T00:00:00Z", NotAfter: "2099-01-01T00:00:00Z"}), invalid, "notAfter"},
		"ended already":         {newKey(admin.NewKey{Owner: "SHOP1", NotAfter: "2020-01-01T00:00:00Z"}), invalid, "notAfter"},
		"15 characters":         {newKey(admin.NewKey{Owner: "SHOP1", Secret: "123456789012345"}), invalid, "secret"},
		"a space in the middle": {newKey(admin.NewKey{Owner: "SHOP1", Secret: "12345678 12345678"}), invalid, "secret"},
		"rotate nobody's":       {func() error { _, err := s.RotateKey(ctx, me, "SHOP9", admin.Rotation{}); return err }, admin.CodeNotFound, ""},
		"rotate with -1 s": {func() error {
			_, err := s.RotateKey(ctx, me, "SHOP1", admin.Rotation{OverlapSeconds: &negative})
			return err
		}, invalid, "overlapSeconds"},
		"disable none": {func() error { _, err := s.DisableKey(ctx, me, "SHOP1", "9"); return err }, admin.CodeNotFound, ""},

		"no role":              {newToken("x", ""), invalid, "role"},
		"another role":         {newToken("x", "root"), invalid, "role"},
		"a token's name":       {newToken("cli:root", "admin"), invalid, "name"},
		"revoke one not there": {func() error { _, err := s.RevokeToken(ctx, me, "x"); return err }, admin.CodeNotFound, ""},
	} {
		is(t, what, tt.do(), tt.code, tt.field)
	}
	if n := len(auditOf(t, s)); n != lines {
		t.Errorf("refusals left %d lines in the audit log", n-lines)
	}
	if page, err := s.Merchants(ctx, "", 10); err != nil || len(page.Items) != 2 {
		t.Errorf("merchants are %+v, %v", page.Items, err)
	}
	if page, err := s.Payees(ctx, "", "", 10); err != nil || len(page.Items) != 2 {
		t.Errorf("payees are %+v, %v", page.Items, err)
	}
}

func hosts(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("h%d.example", i))
	}
	return all
}
