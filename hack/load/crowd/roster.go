package crowd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/galla-pay/galla/protocol"
)

// enrolsAtOnce bounds the enrolments that are under way.
const enrolsAtOnce = 32

// shopSize is how many terminals share a store.
const shopSize = 16

// salts are the salt keys of the sandbox's merchants, whose terminals these are.
func salts() map[string]string {
	return map[string]string{"MERCHANTUAT": "sandbox-merchant-key", "COGWAVEOFFLINE": "sandbox-merchant-key", "MERCHANTTWO": "sandbox-second-key"}
}

// identities are the terminals of a crowd: one merchant after the other has a shop.
func identities(n int) []protocol.Identity {
	merchants := []string{"MERCHANTUAT", "COGWAVEOFFLINE", "MERCHANTTWO"}
	ids := make([]protocol.Identity, n)
	for i := range ids {
		shop := i / shopSize
		ids[i] = protocol.Identity{
			MerchantID: merchants[shop%len(merchants)], StoreID: fmt.Sprintf("CROWD%04d", shop), TerminalID: fmt.Sprintf("CT%05d", i),
		}
	}
	return ids
}

// rows is the SQL that makes their stores and them. Ids hold nothing to be quoted.
func rows(ids []protocol.Identity) string {
	var sql strings.Builder
	sql.WriteString("INSERT INTO stores (merchant_id, id, name, active) VALUES ")
	for i := 0; i < len(ids); i += shopSize {
		fmt.Fprintf(&sql, "%s('%s','%s','Crowd',true)", comma(i), ids[i].MerchantID, ids[i].StoreID)
	}
	sql.WriteString("; INSERT INTO terminals (merchant_id, store_id, terminal_id, label, active, integrated) VALUES ")
	for i, id := range ids {
		fmt.Fprintf(&sql, "%s('%s','%s','%s','Crowd',true,true)", comma(i), id.MerchantID, id.StoreID, id.TerminalID)
	}
	sql.WriteString("; ANALYZE stores; ANALYZE terminals")
	return sql.String()
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// gather makes the crowd's rows, starts the controller, which then knows them, and
// enrols each terminal. With verify they check the signatures of what they are told.
func (h *house) gather(ctx context.Context, n int, verify bool, c *counts) ([]*terminal, error) {
	ids := identities(n)
	if err := h.migrate(ctx); err != nil {
		return nil, err
	}
	if err := h.postgres.Exec(ctx, "crowd", rows(ids)); err != nil {
		return nil, fmt.Errorf("make the terminals: %w", err)
	}
	if err := h.start(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	crowd, work := make([]*terminal, n), make(chan int)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: enrolsAtOnce}}
	defer client.CloseIdleConnections()
	var enrolling sync.WaitGroup
	for range min(enrolsAtOnce, n) {
		enrolling.Go(func() {
			for i := range work {
				var err error
				if crowd[i], err = h.enrol(ctx, client, i, ids[i], verify, c); err != nil {
					cancel(fmt.Errorf("enrol %s: %w", ids[i], err))
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	enrolling.Wait()
	return crowd, context.Cause(ctx)
}

// enrol makes a key and asks the sandbox's door for credentials.
func (h *house) enrol(ctx context.Context, client *http.Client, n int, id protocol.Identity, verify bool, c *counts) (*terminal, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(protocol.EnrolRequest{MerchantID: id.MerchantID, StoreID: id.StoreID, TerminalID: id.TerminalID, PublicKey: public})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+h.api+protocol.EnrolPath, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	var answer protocol.EnrolAnswer
	if err := json.Unmarshal(text, &answer); err != nil || response.StatusCode != http.StatusOK || answer.Identity != id {
		return nil, fmt.Errorf("HTTP %d: %s", response.StatusCode, text)
	}
	sign, err := newSigner(protocol.NewSigningKey(private))
	if err != nil {
		return nil, err
	}
	t := newTerminal(n, id, answer.Token, h.broker, sign, c)
	if !verify {
		return t, nil
	}
	root, err := answer.Root()
	if err != nil {
		return nil, err
	}
	t.trust = &trust{root: root}
	t.trust.version, t.trust.keys, err = protocol.OpenKeySet([]byte(answer.KeySet), root)
	return t, err
}
