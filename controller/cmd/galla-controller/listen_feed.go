package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
)

// eventsPath is the feed's route, as it is signed.
const eventsPath = "/v1/events"

// maxFeedAnswer bounds an answer of the feed, in bytes: 100 events of 2 MiB each
// would be a fault.
const maxFeedAnswer = 16 << 20

// feedClient asks the controller for events.
type feedClient struct {
	base                   string
	merchantID, providerID string
	saltKey                string
	index                  int
	http                   *http.Client
}

// feedEvent is one callback, as the feed shows it.
type feedEvent struct {
	Cursor    string            `json:"cursor"`
	EventID   string            `json:"eventId"`
	CreatedAt int64             `json:"createdAt"`
	Method    string            `json:"method"`
	Body      string            `json:"body"`
	Headers   map[string]string `json:"headers"`
}

// feedPage is an answer: the events behind the place after, and the place behind
// them.
type feedPage struct {
	After  string      `json:"after"`
	Events []feedEvent `json:"events"`
	Next   string      `json:"next"`
}

// ask asks for what follows the cursor, or for what is younger than since where
// there is no cursor. It waits for the first event, unless it is in a hurry: then
// there is one that has failed before.
func (f feedClient) ask(ctx context.Context, cursor string, since time.Duration, hurry bool) (feedPage, error) {
	query := url.Values{"limit": {strconv.Itoa(listenPage)}}
	if cursor != "" {
		query.Set("after", cursor)
	} else {
		query.Set("since", strconv.FormatInt(int64(since/time.Second), 10))
	}
	// The first answer comes at once: it says where the feed begins.
	if !hurry && cursor != "" {
		query.Set("wait", strconv.FormatInt(int64(listenWait/time.Second), 10))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+eventsPath+"?"+query.Encode(), nil)
	if err != nil {
		return feedPage{}, &listenEnd{err}
	}
	r.Header["X-VERIFY"] = []string{xverify.Header("", eventsPath, f.saltKey, f.index)}
	r.Header.Set("X-MERCHANT-ID", f.merchantID)
	if f.providerID != "" {
		r.Header.Set("X-PROVIDER-ID", f.providerID)
	}
	response, err := f.http.Do(r)
	if err != nil {
		return feedPage{}, &listenFailure{who: "controller", err: unwrapURL(err)}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxFeedAnswer+1))
	if err != nil {
		return feedPage{}, &listenFailure{who: "controller", err: err}
	}
	var answer struct {
		Success bool
		Code    string
		Message string
		Data    feedPage
	}
	unread := json.Unmarshal(text, &answer)
	if response.StatusCode != http.StatusOK {
		return feedPage{}, refusedBy(response, answer.Code, answer.Message)
	}
	if unread != nil || len(text) > maxFeedAnswer || !answer.Success || answer.Data.Next == "" || answer.Data.After == "" {
		return feedPage{}, &listenEnd{errors.New("--url: what answers there is no event feed")}
	}
	return answer.Data, nil
}

// refusedBy tells what is worth trying again from what is not.
func refusedBy(response *http.Response, code, message string) error {
	err := fmt.Errorf("HTTP %d %s %s", response.StatusCode, code, message)
	switch {
	case response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // 0 where there is none
		return &listenFailure{who: "controller", err: err, retryAfter: time.Duration(seconds) * time.Second}
	case response.StatusCode == http.StatusUnauthorized:
		return &listenEnd{errors.New("the controller does not take the signature: check --merchant-id, --provider-id, --salt-key and --salt-index")}
	case response.StatusCode == http.StatusNotFound || response.StatusCode >= 300 && response.StatusCode < 400:
		return &listenEnd{errors.New("--url: what answers there is no event feed")}
	}
	return &listenEnd{fmt.Errorf("the controller refuses: %w", err)}
}
