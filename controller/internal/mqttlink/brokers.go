package mqttlink

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxBrokers bounds the nodes of one cluster: an enrolment tells all of them to
// a terminal that has little room.
const maxBrokers = 16

// ParseBrokers reads the addresses of one cluster's nodes: mqtt://HOST:PORT or
// mqtts://HOST:PORT, 1 to 16 of them, separated by commas. They are all of one
// scheme, since whoever cannot reach the nodes with TLS would otherwise go on in
// the clear. The error does not quote the list: it may hold a password, which
// belongs elsewhere.
func ParseBrokers(list string) ([]string, error) {
	urls := strings.Split(list, ",")
	if len(urls) > maxBrokers {
		return nil, fmt.Errorf("want %d addresses at most, not %d", maxBrokers, len(urls))
	}
	for i, text := range urls {
		text = strings.TrimSpace(text)
		u, err := parseBroker(text)
		switch {
		case err != nil:
			if len(urls) > 1 {
				return nil, fmt.Errorf("address %d of %d: %w", i+1, len(urls), err)
			}
			return nil, err
		case slices.Contains(urls[:i], text):
			return nil, fmt.Errorf("%s://%s is there twice", u.Scheme, u.Host)
		case i > 0 && !strings.HasPrefix(urls[0], u.Scheme+"://"):
			return nil, errors.New("want all addresses with mqtt:// or all with mqtts://, not some of each")
		}
		urls[i] = text
	}
	return urls, nil
}

// parseBroker reads one address.
func parseBroker(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "mqtt" && u.Scheme != "mqtts" ||
		u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errBrokerURL
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
		return nil, errBrokerURL
	}
	return u, nil
}

var errBrokerURL = errors.New("want mqtt://HOST:PORT or mqtts://HOST:PORT, several separated by commas")
