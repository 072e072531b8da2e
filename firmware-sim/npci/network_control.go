package npci

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// serveLedger answers GET /ledger with the books.
func (n *Network) serveLedger(w http.ResponseWriter, _ *http.Request) {
	web.JSON(w, http.StatusOK, n.Ledger())
}

// serveReconcile answers POST /reconcile with the report of Client.Reconcile.
func (n *Network) serveReconcile(w http.ResponseWriter, r *http.Request) {
	report, err := n.client.Reconcile(r.Context())
	if err != nil {
		web.Fail(w, http.StatusServiceUnavailable, web.CodeBusy, err.Error())
		return
	}
	web.JSON(w, http.StatusOK, report)
}

// serveBehaviours answers GET /behaviours with how everyone behaves.
func (n *Network) serveBehaviours(w http.ResponseWriter, _ *http.Request) {
	n.mu.Lock()
	all := maps.Clone(n.behaviours)
	n.mu.Unlock()
	web.JSON(w, http.StatusOK, all)
}

// setBehaviour answers PUT /behaviours/{payer}: how a payer, or * for everyone
// else, behaves from now on.
func (n *Network) setBehaviour(w http.ResponseWriter, r *http.Request) {
	var b Behaviour
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096))
	d.DisallowUnknownFields()
	err := d.Decode(&b)
	if err == nil {
		err = b.check()
	}
	if err != nil {
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
		return
	}
	n.mu.Lock()
	n.behaviours[strings.ToLower(r.PathValue("payer"))] = b
	n.mu.Unlock()
	web.JSON(w, http.StatusOK, b)
}

// serveAnswer answers POST /collects/{txn}/{answer}: the payer says yes or no.
func (n *Network) serveAnswer(w http.ResponseWriter, r *http.Request) {
	txnID := r.PathValue("txn")
	err := n.Answer(txnID, r.PathValue("answer"))
	switch {
	case errors.Is(err, ErrNoCollect):
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, err.Error())
		return
	case errors.Is(err, ErrCollectOver):
		web.Fail(w, http.StatusConflict, web.CodeConflict, err.Error())
		return
	case err != nil:
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
		return
	}
	entry, _ := n.Ledger().Collect(txnID)
	web.JSON(w, http.StatusOK, entry)
}
