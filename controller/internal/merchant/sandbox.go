package merchant

import "github.com/galla-pay/galla/protocol"

// Sandbox is the sandbox's data (phonepe-api: The sandbox; upi-switch: Sandbox
// data): the names that the sample programs use, and a second merchant and
// provider that must never see the first's data.
func Sandbox() Data {
	const (
		uat, cogwave, other = "MERCHANTUAT", "COGWAVEOFFLINE", "MERCHANTTWO"
		mcc                 = "5411" // grocery stores
	)
	d := Data{
		Merchants: []Merchant{
			{ID: uat, Name: "Galla Test Store", MCC: mcc, Active: true, DQR: true, EDC: true, Payee: "merchant@upi"},
			{ID: cogwave, Name: "Cogwave Offline", MCC: mcc, Active: true, DQR: true, EDC: true, Payee: "cogwave@upi"},
			{ID: other, Name: "Second Merchant", MCC: mcc, Active: true, DQR: true, EDC: true, Payee: "second@upi"},
		},
		Payees: []Payee{
			{VPA: "merchant@upi", MerchantID: uat, Active: true, FeeBasisPoints: 50},
			{VPA: "cogwave@upi", MerchantID: cogwave, Active: true, FeeBasisPoints: 50},
			{VPA: "second@upi", MerchantID: other, Active: true, FeeBasisPoints: 50},
			{VPA: "nofee@mercury", MerchantID: uat, Active: true},
			{VPA: "yh@mercury", MerchantID: uat, Active: true, AcquirerCode: "YH"},
			{VPA: "ip05@mercury", MerchantID: uat, Active: true, AcquirerCode: "IP05"},
			{VPA: "ip08@mercury", MerchantID: uat, Active: true, AcquirerCode: "IP08"},
			{VPA: "ip10@mercury", MerchantID: uat, Active: true, AcquirerCode: "IP10"},
			{VPA: "gourmet@mercury", MerchantID: uat, Active: true, FeeBasisPoints: 50}, // never answers in time (PRD 5.3)
			{VPA: "inactive@mercury", MerchantID: uat},
		},
		Providers: []Provider{
			{ID: "MERCHANTPROVIDER", Merchants: map[string]bool{uat: true, cogwave: true}},
			{ID: "SECONDPROVIDER", Merchants: map[string]bool{other: true}},
		},
		Organisations: []Organisation{{ID: "MER101", DefaultPayee: "merchant@upi", Unsigned: true}},
		SaltKeys: []SaltKey{
			{Owner: uat, Index: "1", Secret: "sandbox-merchant-key"},
			{Owner: cogwave, Index: "1", Secret: "sandbox-merchant-key"},
			{Owner: other, Index: "1", Secret: "sandbox-second-key"},
			{Owner: "MERCHANTPROVIDER", Index: "1", Secret: "sandbox-provider-key"},
			{Owner: "SECONDPROVIDER", Index: "1", Secret: "sandbox-second-provider-key"},
		},
	}
	shops := [][2]string{
		{"teststore1", "testterminal1"},
		{"MS2603301457425143586306", "MST2603301758302811969831"},
		{"MS2403212004046998204201", "MST2405301213090857163565"},
	}
	for _, m := range []string{uat, cogwave} {
		for i, s := range shops {
			d.shop(m, s[0], s[1], "Counter "+string(rune('1'+i)))
		}
	}
	d.shop(other, "secondstore", "secondterminal", "Counter 1")
	return d
}

func (d *Data) shop(merchantID, storeID, terminalID, label string) {
	d.Stores = append(d.Stores, Store{MerchantID: merchantID, ID: storeID, Name: storeID, Active: true})
	d.Terminals = append(d.Terminals, Terminal{
		Identity: protocol.Identity{MerchantID: merchantID, StoreID: storeID, TerminalID: terminalID},
		Label:    label, Active: true, Integrated: true,
	})
}
