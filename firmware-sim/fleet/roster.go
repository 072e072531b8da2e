package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// The store that a fleet makes for itself, with its terminals F00001, F00002 ...
const (
	fleetStore    = "FLEET"
	fleetTerminal = "F%05d"
)

const (
	// adminPrefix begins the path of every route of the administration.
	adminPrefix = "/admin/v1"
	// makesAtOnce bounds the requests to it that are under way.
	makesAtOnce = 8
	answerLimit = 64 << 10
)

// ErrAdmin says that the administration refused something; it is wrapped with its
// words.
var ErrAdmin = errors.New("the administration says no")

// Sandbox are the terminals that every sandbox has of a merchant (phonepe-api: The
// sandbox); none of one that it does not know.
func Sandbox(merchant string) []protocol.Identity {
	shops := map[string][][2]string{
		"MERCHANTUAT": {
			{"teststore1", "testterminal1"},
			{"MS2603301457425143586306", "MST2603301758302811969831"},
			{"MS2403212004046998204201", "MST2405301213090857163565"},
		},
		"MERCHANTTWO": {{"secondstore", "secondterminal"}},
	}
	shops["COGWAVEOFFLINE"] = shops["MERCHANTUAT"]
	var ids []protocol.Identity
	for _, shop := range shops[merchant] {
		ids = append(ids, protocol.Identity{MerchantID: merchant, StoreID: shop[0], TerminalID: shop[1]})
	}
	return ids
}

// office is the administration, as far as a fleet needs it.
type office struct {
	url    string
	token  string
	client *http.Client
}

// makeTerminals makes the fleet's store and n terminals in it, where they are not
// there already.
func (o *office) makeTerminals(ctx context.Context, merchant string, n int) ([]protocol.Identity, error) {
	if err := o.make(ctx, "/stores", map[string]any{"merchantId": merchant, "storeId": fleetStore, "name": "Fleet"}); err != nil {
		return nil, err
	}
	ids := make([]protocol.Identity, n)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	places := make(chan struct{}, makesAtOnce)
	var making sync.WaitGroup
	for i := range ids {
		ids[i] = protocol.Identity{MerchantID: merchant, StoreID: fleetStore, TerminalID: fmt.Sprintf(fleetTerminal, i+1)}
		places <- struct{}{}
		making.Go(func() {
			defer func() { <-places }()
			if err := o.make(ctx, "/terminals", map[string]any{
				"merchantId": merchant, "storeId": fleetStore, "terminalId": ids[i].TerminalID, "label": fmt.Sprintf("Fleet %d", i+1),
			}); err != nil {
				cancel(err)
			}
		})
	}
	making.Wait()
	return ids, context.Cause(ctx)
}

// make posts something that may be there already.
func (o *office) make(ctx context.Context, path string, what map[string]any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		code, text, err := o.post(ctx, path, body)
		switch {
		case err != nil:
			return err
		case code == http.StatusCreated, code == http.StatusConflict && strings.Contains(text, "ALREADY_EXISTS"):
			return nil
		case code == http.StatusServiceUnavailable && try < 5:
			pause(ctx, time.Duration(try)*100*time.Millisecond)
			continue
		}
		return fmt.Errorf("%w: POST %s%s: HTTP %d %s", ErrAdmin, adminPrefix, path, code, strings.TrimSpace(text))
	}
}

func (o *office) post(ctx context.Context, path string, body []byte) (code int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+adminPrefix+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+o.token)
	answer, err := o.client.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return answer.StatusCode, string(all), nil
}

// ErrUnreachable says that there is no controller at the address.
var ErrUnreachable = errors.New("the controller does not answer")

// reach asks whether the controller is there.
func (o *office) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := o.client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: /readyz says HTTP %d", ErrUnreachable, answer.StatusCode)
	}
	return nil
}
