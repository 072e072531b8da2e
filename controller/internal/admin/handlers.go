package admin

import (
	"github.com/galla-pay/galla/protocol"
)

// list reads a list's place and length, and asks for it.
func list[V any](r *request, ask func(after string, limit int) (Page[V], error)) (any, error) {
	after, limit, err := r.place()
	if err != nil {
		return nil, err
	}
	p, err := ask(after, limit)
	return p, err
}

// place reads after and limit.
func (r *request) place() (after string, limit int, err error) {
	limit = DefaultLimit
	if text, given := r.GetQuery("limit"); given {
		n, err := number("limit", text, 1, MaxLimit)
		if err != nil {
			return "", 0, err
		}
		limit = int(n)
	}
	return r.Query("after"), limit, nil
}

// withBody reads a body and does something with it.
func withBody[In, Out any](r *request, do func(In) (Out, error)) (any, error) {
	in, err := read[In](r)
	if err != nil {
		return nil, err
	}
	out, err := do(in)
	return out, err
}

func (r *request) terminal() protocol.Identity {
	return protocol.Identity{MerchantID: r.Param("merchantId"), StoreID: r.Param("storeId"), TerminalID: r.Param("terminalId")}
}

func (a *API) whoami(r *request) (any, error) { return a.Service.Token(r.ctx, r.by.Actor) }

func (a *API) listMerchants(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[Merchant], error) { return a.Service.Merchants(r.ctx, after, limit) })
}

func (a *API) createMerchant(r *request) (any, error) {
	return withBody(r, func(in NewMerchant) (Merchant, error) { return a.Service.CreateMerchant(r.ctx, r.by, in) })
}

func (a *API) showMerchant(r *request) (any, error) {
	return a.Service.Merchant(r.ctx, r.Param("merchantId"))
}

func (a *API) updateMerchant(r *request) (any, error) {
	return withBody(r, func(in MerchantUpdate) (Merchant, error) {
		return a.Service.UpdateMerchant(r.ctx, r.by, r.Param("merchantId"), in)
	})
}

func (a *API) disableMerchant(r *request) (any, error) {
	return a.Service.SetMerchantActive(r.ctx, r.by, r.Param("merchantId"), false)
}

func (a *API) enableMerchant(r *request) (any, error) {
	return a.Service.SetMerchantActive(r.ctx, r.by, r.Param("merchantId"), true)
}

func (a *API) listStores(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[ShopStore], error) {
		return a.Service.Stores(r.ctx, r.Query("merchantId"), after, limit)
	})
}

func (a *API) createStore(r *request) (any, error) {
	return withBody(r, func(in NewStore) (ShopStore, error) { return a.Service.CreateStore(r.ctx, r.by, in) })
}

func (a *API) showStore(r *request) (any, error) {
	return a.Service.Store(r.ctx, r.Param("merchantId"), r.Param("storeId"))
}

func (a *API) updateStore(r *request) (any, error) {
	return withBody(r, func(in StoreUpdate) (ShopStore, error) {
		return a.Service.UpdateStore(r.ctx, r.by, r.Param("merchantId"), r.Param("storeId"), in)
	})
}

func (a *API) disableStore(r *request) (any, error) {
	return a.Service.SetStoreActive(r.ctx, r.by, r.Param("merchantId"), r.Param("storeId"), false)
}

func (a *API) enableStore(r *request) (any, error) {
	return a.Service.SetStoreActive(r.ctx, r.by, r.Param("merchantId"), r.Param("storeId"), true)
}

func (a *API) listTerminals(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[Terminal], error) {
		return a.Service.Terminals(r.ctx, r.Query("merchantId"), r.Query("storeId"), after, limit)
	})
}

func (a *API) createTerminal(r *request) (any, error) {
	return withBody(r, func(in NewTerminal) (Terminal, error) { return a.Service.CreateTerminal(r.ctx, r.by, in) })
}

func (a *API) showTerminal(r *request) (any, error) { return a.Service.Terminal(r.ctx, r.terminal()) }

func (a *API) updateTerminal(r *request) (any, error) {
	return withBody(r, func(in TerminalUpdate) (Terminal, error) {
		return a.Service.UpdateTerminal(r.ctx, r.by, r.terminal(), in)
	})
}

func (a *API) disableTerminal(r *request) (any, error) {
	return a.Service.SetTerminalActive(r.ctx, r.by, r.terminal(), false)
}

func (a *API) enableTerminal(r *request) (any, error) {
	return a.Service.SetTerminalActive(r.ctx, r.by, r.terminal(), true)
}

func (a *API) listPayees(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[Payee], error) {
		return a.Service.Payees(r.ctx, r.Query("merchantId"), after, limit)
	})
}

func (a *API) createPayee(r *request) (any, error) {
	return withBody(r, func(in NewPayee) (Payee, error) { return a.Service.CreatePayee(r.ctx, r.by, in) })
}

func (a *API) showPayee(r *request) (any, error) { return a.Service.Payee(r.ctx, r.Param("vpa")) }

func (a *API) updatePayee(r *request) (any, error) {
	return withBody(r, func(in PayeeUpdate) (Payee, error) { return a.Service.UpdatePayee(r.ctx, r.by, r.Param("vpa"), in) })
}

func (a *API) disablePayee(r *request) (any, error) {
	return a.Service.SetPayeeActive(r.ctx, r.by, r.Param("vpa"), false)
}

func (a *API) enablePayee(r *request) (any, error) {
	return a.Service.SetPayeeActive(r.ctx, r.by, r.Param("vpa"), true)
}

func (a *API) listFees(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[Fee], error) {
		return a.Service.Fees(r.ctx, r.Query("merchantId"), after, limit)
	})
}

func (a *API) setFee(r *request) (any, error) {
	return withBody(r, func(in FeeTerms) (Fee, error) {
		return a.Service.SetFee(r.ctx, r.by, r.Param("merchantId"), r.Param("mcc"), in)
	})
}

func (a *API) removeFee(r *request) (any, error) {
	return a.Service.RemoveFee(r.ctx, r.by, r.Param("merchantId"), r.Param("mcc"))
}

func (a *API) listProviders(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[Provider], error) { return a.Service.Providers(r.ctx, after, limit) })
}

func (a *API) createProvider(r *request) (any, error) {
	return withBody(r, func(in NewProvider) (Provider, error) { return a.Service.CreateProvider(r.ctx, r.by, in) })
}

func (a *API) showProvider(r *request) (any, error) {
	return a.Service.Provider(r.ctx, r.Param("providerId"))
}

func (a *API) disableProvider(r *request) (any, error) {
	return a.Service.SetProviderActive(r.ctx, r.by, r.Param("providerId"), false)
}

func (a *API) enableProvider(r *request) (any, error) {
	return a.Service.SetProviderActive(r.ctx, r.by, r.Param("providerId"), true)
}

func (a *API) mapProvider(r *request) (any, error) {
	return a.Service.MapProvider(r.ctx, r.by, r.Param("providerId"), r.Param("merchantId"))
}

func (a *API) unmapProvider(r *request) (any, error) {
	return a.Service.UnmapProvider(r.ctx, r.by, r.Param("providerId"), r.Param("merchantId"))
}

func (a *API) listOrganisations(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[Organisation], error) {
		return a.Service.Organisations(r.ctx, after, limit)
	})
}

func (a *API) createOrganisation(r *request) (any, error) {
	return withBody(r, func(in NewOrganisation) (Organisation, error) { return a.Service.CreateOrganisation(r.ctx, r.by, in) })
}

func (a *API) showOrganisation(r *request) (any, error) {
	return a.Service.Organisation(r.ctx, r.Param("organisationId"))
}

func (a *API) updateOrganisation(r *request) (any, error) {
	return withBody(r, func(in OrganisationUpdate) (Organisation, error) {
		return a.Service.UpdateOrganisation(r.ctx, r.by, r.Param("organisationId"), in)
	})
}

func (a *API) disableOrganisation(r *request) (any, error) {
	return a.Service.SetOrganisationActive(r.ctx, r.by, r.Param("organisationId"), false)
}

func (a *API) enableOrganisation(r *request) (any, error) {
	return a.Service.SetOrganisationActive(r.ctx, r.by, r.Param("organisationId"), true)
}

func (a *API) addCertificate(r *request) (any, error) {
	return withBody(r, func(in NewCertificate) (Organisation, error) {
		return a.Service.AddCertificate(r.ctx, r.by, r.Param("organisationId"), in)
	})
}

func (a *API) rotateCertificate(r *request) (any, error) {
	return withBody(r, func(in NewCertificate) (Organisation, error) {
		return a.Service.RotateCertificate(r.ctx, r.by, r.Param("organisationId"), in)
	})
}

func (a *API) removeCertificate(r *request) (any, error) {
	return a.Service.RemoveCertificate(r.ctx, r.by, r.Param("organisationId"), r.Param("fingerprint"))
}

func (a *API) listKeys(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[SaltKey], error) {
		return a.Service.Keys(r.ctx, r.Query("owner"), after, limit)
	})
}

func (a *API) createKey(r *request) (any, error) {
	return withBody(r, func(in NewKey) (MadeKey, error) { return a.Service.CreateKey(r.ctx, r.by, in) })
}

func (a *API) showKey(r *request) (any, error) {
	return a.Service.Key(r.ctx, r.Param("owner"), r.Param("index"))
}

func (a *API) disableKey(r *request) (any, error) {
	return a.Service.DisableKey(r.ctx, r.by, r.Param("owner"), r.Param("index"))
}

func (a *API) rotateKey(r *request) (any, error) {
	in, err := readOptional[Rotation](r)
	if err != nil {
		return nil, err
	}
	return a.Service.RotateKey(r.ctx, r.by, r.Param("owner"), in)
}

func (a *API) listTokens(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[Token], error) { return a.Service.Tokens(r.ctx, after, limit) })
}

func (a *API) createToken(r *request) (any, error) {
	return withBody(r, func(in NewToken) (MadeToken, error) { return a.Service.CreateToken(r.ctx, r.by, in) })
}

func (a *API) showToken(r *request) (any, error) { return a.Service.Token(r.ctx, r.Param("name")) }

func (a *API) revokeToken(r *request) (any, error) {
	return a.Service.RevokeToken(r.ctx, r.by, r.Param("name"))
}

func (a *API) listAudit(r *request) (any, error) {
	return list(r, func(after string, limit int) (Page[AuditEntry], error) {
		var c checks
		since, until := c.instant("since", r.Query("since")), c.instant("until", r.Query("until"))
		if c.err != nil {
			return Page[AuditEntry]{}, c.err
		}
		return a.Service.Audit(r.ctx, AuditQuery{
			Actor: r.Query("actor"), Action: r.Query("action"), Target: r.Query("target"), Since: since, Until: until, After: after, Limit: limit,
		})
	})
}
