package growth

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/galla-pay/galla/hack/load/mqtt"
	"github.com/galla-pay/galla/protocol"
)

// counter is the terminal that orders are pulled at: nothing else is asked of it.
var counter = protocol.Identity{MerchantID: merchantID, StoreID: "MS2603301457425143586306", TerminalID: "MST2603301758302811969831"}

// answerLimit is how long a terminal waits for a state.
const answerLimit = 30 * time.Second

// terminal is one that is switched on: it pulls orders at the broker's door, and says
// which states it has stored, as every terminal does.
type terminal struct {
	key     protocol.SigningKey
	keys    protocol.PublicKeys
	conn    net.Conn
	r       *bufio.Reader
	session string
	epoch   string
	said    uint16 // the packet id that was used last
	seq     uint64 // of the newest state
}

// switchOn enrols the counter's terminal with the sandbox and connects it.
func (s *site) switchOn(ctx context.Context) (err error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	t := &terminal{key: protocol.NewSigningKey(private), session: fmt.Sprintf("S%016X", rand.Uint64()), epoch: fmt.Sprintf("E%08X", rand.Uint32())}
	answer, err := s.enrol(ctx, public)
	if err != nil {
		return fmt.Errorf("enrol %s: %w", counter, err)
	}
	root, err := answer.Root()
	if err != nil {
		return err
	}
	if _, t.keys, err = protocol.OpenKeySet([]byte(answer.KeySet), root); err != nil {
		return err
	}
	if t.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", s.broker); err != nil {
		return err
	}
	s.h.stop = append(s.h.stop, func() { _ = t.conn.Close() })
	t.r = bufio.NewReader(t.conn)
	if err := t.say(mqtt.Login{Identity: counter.String(), Token: answer.Token, KeepAlive: 120}.Packet(), mqtt.Connack); err != nil {
		return err
	}
	if err := t.say(mqtt.NewSubscribe(1, protocol.CommandTopic(counter)), mqtt.Suback); err != nil {
		return err
	}
	nonce := fmt.Sprintf("N%016X", rand.Uint64())
	sync := t.report(protocol.TypeSync, "")
	sync.Nonce, sync.Software, sync.Panel, sync.Boot = nonce, "growth", "none", "BOOT"+t.epoch
	if err := t.tell(sync); err != nil {
		return err
	}
	state, err := t.until(func(st protocol.State) bool { return st.Nonce == nonce })
	if err != nil {
		return err
	}
	s.terminal = t
	if state.Sale == nil {
		return nil
	}
	// A run that was ended in the middle has left it there.
	return s.cancel(ctx, state.Sale.MerchantTransactionID)
}

// enrol asks the sandbox's door for the counter's credentials.
func (s *site) enrol(ctx context.Context, key ed25519.PublicKey) (answer protocol.EnrolAnswer, err error) {
	body, err := json.Marshal(protocol.EnrolRequest{MerchantID: counter.MerchantID, StoreID: counter.StoreID, TerminalID: counter.TerminalID, PublicKey: key})
	if err != nil {
		return answer, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+protocol.EnrolPath, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(text, &answer); err != nil || response.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("HTTP %d: %s", response.StatusCode, text)
	}
	return answer, nil
}

// say sends a packet and waits for its answer.
func (t *terminal) say(packet []byte, want byte) error {
	if err := t.conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	if _, err := t.conn.Write(packet); err != nil {
		return err
	}
	p, err := mqtt.Read(t.r)
	if err != nil {
		return err
	}
	return p.Refused(want)
}

func (t *terminal) report(kind protocol.Type, paymentID string) protocol.Report {
	mode := protocol.ModeIdle
	if paymentID != "" {
		mode = protocol.ModePresenting
	}
	return protocol.Report{
		Header:  protocol.Header{V: protocol.Version, Type: kind, Identity: counter},
		Session: t.session, Epoch: t.epoch, AckSeq: t.seq, Mode: mode, PaymentID: paymentID,
	}
}

// tell signs a message and sends it.
func (t *terminal) tell(message any) error {
	signed, err := t.key.Sign(protocol.PurposeUp, message)
	if err != nil {
		return err
	}
	if err := t.conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	if t.said++; t.said == 0 {
		t.said = 1
	}
	_, err = t.conn.Write(mqtt.NewPublish(t.said, protocol.ReportTopic(counter), signed))
	return err
}

// until reads states until one is as it should be, and says that it has that one.
func (t *terminal) until(good func(protocol.State) bool) (protocol.State, error) {
	for {
		p, err := mqtt.Read(t.r)
		if err != nil {
			return protocol.State{}, err
		}
		if p.Kind() != mqtt.Publish {
			continue
		}
		id, message, err := p.Published()
		if err != nil {
			return protocol.State{}, err
		}
		if id != 0 {
			if _, err := t.conn.Write(mqtt.NewPuback(id)); err != nil {
				return protocol.State{}, err
			}
		}
		if protocol.PurposeOf(message) == protocol.PurposeKeys {
			continue
		}
		state, err := protocol.OpenState(message, t.keys, counter)
		if err != nil {
			return state, err
		}
		t.seq = max(t.seq, state.Seq)
		if !good(state) {
			continue
		}
		shown := ""
		if state.Sale != nil {
			shown = state.Sale.PaymentID
		}
		return state, t.tell(t.report(protocol.TypeReport, shown))
	}
}

// claim pulls an OPEN order by its short id, and returns when the terminal has it.
func (s *site) claim(o order) error {
	t := s.terminal
	pull := protocol.Pull{
		Header:  protocol.Header{V: protocol.Version, Type: protocol.TypePull, Identity: counter},
		Session: t.session, PullID: fmt.Sprintf("P%016X", rand.Uint64()), ShortOrderID: o.short,
	}
	if err := t.tell(pull); err != nil {
		return err
	}
	state, err := t.until(func(st protocol.State) bool { return st.Pull != nil && st.Pull.PullID == pull.PullID })
	if err == nil && (state.Pull.Outcome != protocol.PullTaken || state.Sale == nil || state.Sale.MerchantTransactionID != o.id) {
		err = fmt.Errorf("the pull of %s came to %q", o.short, state.Pull.Outcome)
	}
	return err
}

// cancel takes the terminal's sale back, and returns when the terminal knows.
func (s *site) cancel(ctx context.Context, id string) error {
	path := "/v1/payment/" + merchantID + "/" + id + "/cancel"
	if _, err := s.ask(ctx, http.MethodPut, path, "", "application/json", ""); err != nil {
		return err
	}
	_, err := s.terminal.until(func(st protocol.State) bool { return st.Sale == nil })
	return err
}
