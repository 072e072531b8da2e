package admin

import "net/http"

// Route is a route of the door.
type Route struct {
	Method string
	Path   string // parameters stand in braces
	Role   Role   // the least that may call it
	// Summary is one sentence for people.
	Summary string
	Status  int      // of success
	Query   []string // the parameters that it takes, all of them optional
	Body    any      // a value of the body's type; nil where there is none
	Answer  any      // a value of the answer's type

	serve func(*API, *request) (any, error)
}

const (
	get, post, patch, put, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete
	ok, created                = http.StatusOK, http.StatusCreated
)

func paged(more ...string) []string { return append(more, "after", "limit") }

// Routes is the one table of the door: what Register registers, the tenancy
// matrix asks and the API's description shows.
func Routes() []Route {
	const (
		merchants, merchantPath     = Prefix + "/merchants", Prefix + "/merchants/{merchantId}"
		stores, storePath           = Prefix + "/stores", Prefix + "/stores/{merchantId}/{storeId}"
		terminals, terminalPath     = Prefix + "/terminals", Prefix + "/terminals/{merchantId}/{storeId}/{terminalId}"
		payees, payeePath           = Prefix + "/payees", Prefix + "/payees/{vpa}"
		providers, providerPath     = Prefix + "/providers", Prefix + "/providers/{providerId}"
		organisations, organisation = Prefix + "/organisations", Prefix + "/organisations/{organisationId}"
		keys, keyPath               = Prefix + "/keys", Prefix + "/keys/{owner}/{index}"
		tokens, tokenPath           = Prefix + "/tokens", Prefix + "/tokens/{name}"
		callbacks, signingKeys      = Prefix + "/callbacks", Prefix + "/signing-keys"
		payments                    = Prefix + "/payments"
		fees, feePath               = Prefix + "/fees", Prefix + "/fees/{merchantId}/{mcc}"
	)
	return []Route{
		{get, Prefix + "/whoami", RoleViewer, "Whose token this is.", ok, nil, nil, Token{}, (*API).whoami},

		{get, merchants, RoleViewer, "List merchants.", ok, paged(), nil, Page[Merchant]{}, (*API).listMerchants},
		{post, merchants, RoleAdmin, "Create a merchant, and its payee where that is not there.", created, nil, NewMerchant{}, Merchant{}, (*API).createMerchant},
		{get, merchantPath, RoleViewer, "Show a merchant.", ok, nil, nil, Merchant{}, (*API).showMerchant},
		{patch, merchantPath, RoleAdmin, "Change a merchant.", ok, nil, MerchantUpdate{}, Merchant{}, (*API).updateMerchant},
		{post, merchantPath + "/disable", RoleAdmin, "Disable a merchant: every door refuses it.", ok, nil, nil, Merchant{}, (*API).disableMerchant},
		{post, merchantPath + "/enable", RoleAdmin, "Enable a merchant.", ok, nil, nil, Merchant{}, (*API).enableMerchant},

		{get, stores, RoleViewer, "List stores.", ok, paged("merchantId"), nil, Page[ShopStore]{}, (*API).listStores},
		{post, stores, RoleAdmin, "Create a store of a merchant.", created, nil, NewStore{}, ShopStore{}, (*API).createStore},
		{get, storePath, RoleViewer, "Show a store.", ok, nil, nil, ShopStore{}, (*API).showStore},
		{patch, storePath, RoleAdmin, "Change a store.", ok, nil, StoreUpdate{}, ShopStore{}, (*API).updateStore},
		{post, storePath + "/disable", RoleAdmin, "Disable a store: every door refuses it.", ok, nil, nil, ShopStore{}, (*API).disableStore},
		{post, storePath + "/enable", RoleAdmin, "Enable a store.", ok, nil, nil, ShopStore{}, (*API).enableStore},

		{get, terminals, RoleViewer, "List terminals.", ok, paged("merchantId", "storeId"), nil, Page[Terminal]{}, (*API).listTerminals},
		{post, terminals, RoleAdmin, "Create a terminal of a store.", created, nil, NewTerminal{}, Terminal{}, (*API).createTerminal},
		{get, terminalPath, RoleViewer, "Show a terminal, and whether it is there.", ok, nil, nil, Terminal{}, (*API).showTerminal},
		{patch, terminalPath, RoleAdmin, "Change a terminal.", ok, nil, TerminalUpdate{}, Terminal{}, (*API).updateTerminal},
		{post, terminalPath + "/disable", RoleOperator, "Disable a terminal: it is cut off.", ok, nil, nil, Terminal{}, (*API).disableTerminal},
		{post, terminalPath + "/enable", RoleOperator, "Enable a terminal.", ok, nil, nil, Terminal{}, (*API).enableTerminal},
		{post, terminalPath + "/enrolment-code", RoleOperator, "Make a code that one device may enrol with as this terminal.", created, nil, nil, EnrolmentCode{}, (*API).enrolmentCode},
		{post, terminalPath + "/revoke", RoleOperator, "Make the terminal's credentials worth nothing: it is cut off until it enrols again.", ok, nil, nil, Terminal{}, (*API).revokeTerminal},

		{get, payees, RoleViewer, "List payees.", ok, paged("merchantId"), nil, Page[Payee]{}, (*API).listPayees},
		{post, payees, RoleAdmin, "Create a payee of a merchant.", created, nil, NewPayee{}, Payee{}, (*API).createPayee},
		{get, payeePath, RoleViewer, "Show a payee.", ok, nil, nil, Payee{}, (*API).showPayee},
		{patch, payeePath, RoleAdmin, "Change a payee.", ok, nil, PayeeUpdate{}, Payee{}, (*API).updatePayee},
		{post, payeePath + "/disable", RoleAdmin, "Disable a payee: it is paid nothing.", ok, nil, nil, Payee{}, (*API).disablePayee},
		{post, payeePath + "/enable", RoleAdmin, "Enable a payee.", ok, nil, nil, Payee{}, (*API).enablePayee},

		{get, fees, RoleViewer, "List the fee schedules.", ok, paged("merchantId"), nil, Page[Fee]{}, (*API).listFees},
		{put, feePath, RoleAdmin, "Set the fee of a merchant and category; * is any.", ok, nil, FeeTerms{}, Fee{}, (*API).setFee},
		{del, feePath, RoleAdmin, "Take a fee away: the next best counts.", ok, nil, nil, Fee{}, (*API).removeFee},

		{get, providers, RoleViewer, "List POS providers.", ok, paged(), nil, Page[Provider]{}, (*API).listProviders},
		{post, providers, RoleAdmin, "Create a provider, with the merchants that it signs for.", created, nil, NewProvider{}, Provider{}, (*API).createProvider},
		{get, providerPath, RoleViewer, "Show a provider with its merchants.", ok, nil, nil, Provider{}, (*API).showProvider},
		{post, providerPath + "/disable", RoleAdmin, "Disable a provider: it signs for nobody.", ok, nil, nil, Provider{}, (*API).disableProvider},
		{post, providerPath + "/enable", RoleAdmin, "Enable a provider.", ok, nil, nil, Provider{}, (*API).enableProvider},
		{put, providerPath + "/merchants/{merchantId}", RoleAdmin, "Let a provider sign for a merchant.", ok, nil, nil, Provider{}, (*API).mapProvider},
		{del, providerPath + "/merchants/{merchantId}", RoleAdmin, "Let it sign for the merchant no more.", ok, nil, nil, Provider{}, (*API).unmapProvider},

		{get, organisations, RoleViewer, "List UPI organisations.", ok, paged(), nil, Page[Organisation]{}, (*API).listOrganisations},
		{post, organisations, RoleAdmin, "Create an organisation, with the certificates that it signs with.", created, nil, NewOrganisation{}, Organisation{}, (*API).createOrganisation},
		{get, organisation, RoleViewer, "Show an organisation.", ok, nil, nil, Organisation{}, (*API).showOrganisation},
		{patch, organisation, RoleAdmin, "Change an organisation.", ok, nil, OrganisationUpdate{}, Organisation{}, (*API).updateOrganisation},
		{post, organisation + "/disable", RoleAdmin, "Disable an organisation: its messages are a stranger's.", ok, nil, nil, Organisation{}, (*API).disableOrganisation},
		{post, organisation + "/enable", RoleAdmin, "Enable an organisation.", ok, nil, nil, Organisation{}, (*API).enableOrganisation},
		{post, organisation + "/certificates", RoleAdmin, "Add a certificate that it signs with.", ok, nil, NewCertificate{}, Organisation{}, (*API).addCertificate},
		{post, organisation + "/certificates/rotate", RoleAdmin, "Add its next certificate, and take away those that have ended; the live ones sign on.", ok, nil, NewCertificate{}, Organisation{}, (*API).rotateCertificate},
		{del, organisation + "/certificates/{fingerprint}", RoleAdmin, "Take a certificate away.", ok, nil, nil, Organisation{}, (*API).removeCertificate},

		{get, keys, RoleViewer, "List salt keys, without their secrets.", ok, paged("owner"), nil, Page[SaltKey]{}, (*API).listKeys},
		{post, keys, RoleAdmin, "Create a salt key of a merchant or provider; the answer is the only one with its secret.", created, nil, NewKey{}, MadeKey{}, (*API).createKey},
		{get, keyPath, RoleViewer, "Show a salt key, without its secret.", ok, nil, nil, SaltKey{}, (*API).showKey},
		{post, keyPath + "/disable", RoleAdmin, "End a salt key at once, for ever.", ok, nil, nil, SaltKey{}, (*API).disableKey},
		{post, keys + "/{owner}/rotate", RoleAdmin, "Create the next salt key and give the live ones an end; the answer is the only one with the secret.", created, nil, Rotation{}, MadeKey{}, (*API).rotateKey},

		{get, tokens, RoleAdmin, "List tokens of this door.", ok, paged(), nil, Page[Token]{}, (*API).listTokens},
		{post, tokens, RoleAdmin, "Create a token; the answer is the only one with its text.", created, nil, NewToken{}, MadeToken{}, (*API).createToken},
		{get, tokenPath, RoleAdmin, "Show a token.", ok, nil, nil, Token{}, (*API).showToken},
		{post, tokenPath + "/revoke", RoleAdmin, "Make a token worth nothing, at once and for ever.", ok, nil, nil, Token{}, (*API).revokeToken},

		{get, Prefix + "/audit", RoleAdmin, "List the audit log, oldest first.", ok, paged("actor", "action", "target", "since", "until"), nil, Page[AuditEntry]{}, (*API).listAudit},

		{get, callbacks, RoleViewer, "List callbacks, oldest first.", ok, paged("merchantId", "paymentId", "state", "since", "until"), nil, Page[Callback]{}, (*API).listCallbacks},
		{get, callbacks + "/{id}", RoleViewer, "Show a callback with its delivery log.", ok, nil, nil, Callback{}, (*API).showCallback},
		{post, callbacks + "/{id}/resend", RoleOperator, "Send a callback again.", ok, nil, nil, Resent{}, (*API).resendCallback},
		{post, callbacks + "/resend", RoleOperator, "Send callbacks since a time again.", ok, nil, Resend{}, Resent{}, (*API).resendCallbacks},

		{get, signingKeys, RoleViewer, "List the online signing keys.", ok, nil, nil, Page[SigningKey]{}, (*API).listSigningKeys},
		{post, signingKeys, RoleAdmin, "Create the online signing key that comes next.", created, nil, nil, SigningKey{}, (*API).createSigningKey},
		{post, signingKeys + "/rotate", RoleAdmin, "Make the next key the one that signs.", ok, nil, Force{}, SigningKey{}, (*API).rotateSigningKey},
		{post, signingKeys + "/{id}/retire", RoleAdmin, "Make an online signing key worth nothing.", ok, nil, Force{}, SigningKey{}, (*API).retireSigningKey},

		{get, payments, RoleViewer, "List payments, such as those that are parked.", ok, paged("merchantId", "state"), nil, Page[Payment]{}, (*API).listPayments},
		{get, payments + "/{id}", RoleViewer, "Show a payment with its events.", ok, nil, nil, Payment{}, (*API).showPayment},
		{post, payments + "/{id}/resolve", RoleOperator, "Settle a payment by the network's evidence.", ok, nil, Evidence{}, Payment{}, (*API).resolvePayment},
	}
}
