package upi

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// The routes (PRD 3.6).
var paths = [kinds]string{validate: "/api/v1/dynamic-qr/validate", pay: "/api/v1/dynamic-qr/pay"}

// payees are those of the sandbox who are paid: of three merchants, with a fee and
// without one (upi-switch: Sandbox data).
var payees = []string{"merchant@upi", "cogwave@upi", "second@upi", "nofee@mercury"}

// idLength is that of a MsgID and of a TxnID: three letters and 32 digits, like
// the network's own. They are random, so that an index takes them as it takes the
// network's.
const idLength = 35

type id [idLength]byte

// newID is unlike every other: 128 bits of dice that were seeded by the system.
func newID(prefix string, dice *rand.Rand) (i id) {
	const hex = "0123456789abcdef"
	copy(i[:], prefix)
	high, low := dice.Uint64(), dice.Uint64()
	for n := range 16 {
		i[3+n] = hex[high>>(4*n)&15]
		i[19+n] = hex[low>>(4*n)&15]
	}
	return i
}

// tokenLength is that of a UUID.
const tokenLength = 36

// token is what a ReqValQr got and a ReqPay spends: with it goes who is paid.
type token struct {
	text  [tokenLength]byte
	payee uint8
}

// amount is that of every message, in rupees.
const amount = "245.00"

// documents are the messages with holes, each marked by a word in capitals.
var documents = [kinds]string{
	validate: `<ReqValQr><MsgID>MSGID</MsgID><Ts>TIME</Ts><OrgID>MER101</OrgID><Curr>INR</Curr><Amount>` + amount +
		`</Amount><Mcc>5411</Mcc><RefUrl>REFURL</RefUrl></ReqValQr>`,
	pay: `<ReqPay><MsgID>MSGID</MsgID><TxnID>TXNID</TxnID><VerToken>TOKEN</VerToken><Amount>` + amount +
		`</Amount><Curr>INR</Curr><PayerAddr>customer@upi</PayerAddr><PayeeAddr>PAYEE</PayeeAddr><Timestamp>TIME</Timestamp></ReqPay>`,
}

// template is a message whose ids and token are still to be put in; each has one
// length, so that they go into one place each.
type template struct {
	text                []byte
	msgID, txnID, token int // where each begins; -1 for one that it has not
}

// newTemplate makes the message of a kind about a payee.
func newTemplate(k kind, payee string, at time.Time) template {
	// A QR that was made elsewhere for a merchant of ours.
	link := "upi://pay?ver=01&mode=16&pa=" + payee + "&pn=Galla&mc=5411&am=" + amount + "&cu=INR"
	text := documents[k]
	for mark, value := range map[string]string{
		"TIME": at.UTC().Format("2006-01-02T15:04:05Z"), "PAYEE": payee,
		"REFURL": base64.StdEncoding.EncodeToString([]byte(link)),
	} {
		text = strings.Replace(text, mark, value, 1)
	}
	t := template{text: []byte(text)}
	hole := func(mark string, length int) int {
		before, after, found := bytes.Cut(t.text, []byte(">"+mark+"<"))
		if !found {
			return -1
		}
		t.text = bytes.Join([][]byte{before, {'>'}, bytes.Repeat([]byte("x"), length), {'<'}, after}, nil)
		return len(before) + 1
	}
	// In the order in which they stand, so that no hole moves another.
	t.msgID, t.txnID, t.token = hole("MSGID", idLength), hole("TXNID", idLength), hole("TOKEN", tokenLength)
	return t
}

// put appends the message with its holes filled to dst.
func (t template) put(dst []byte, msgID, txnID id, spent token) []byte {
	begin := len(dst)
	dst = append(dst, t.text...)
	doc := dst[begin:]
	copy(doc[t.msgID:], msgID[:])
	if t.txnID >= 0 {
		copy(doc[t.txnID:], txnID[:])
	}
	if t.token >= 0 {
		copy(doc[t.token:], spent.text[:])
	}
	return dst
}

// head is the head of an HTTP request with a body of that length.
func head(k kind, host string, length int) []byte {
	return []byte("POST " + paths[k] + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/xml\r\nContent-Length: " +
		strconv.Itoa(length) + "\r\n\r\n")
}

// message is a request as it was sent: what its answer is judged by.
type message struct {
	kind  kind
	msgID id
	payee uint8
}

// source makes the requests of a run.
type source interface {
	// next appends the next request of a kind to dst; false where it would be a
	// ReqPay and there is no token.
	next(dst []byte, k kind) (request []byte, m message, ok bool)
	// got takes in a token that a ReqValQr got.
	got(token)
	// signed says whether answers have to be signed.
	signed() bool
}

// unsigned makes requests as it goes; the sandbox takes them without a signature.
type unsigned struct {
	heads     [kinds][]([]byte) // by payee
	templates [kinds][]template
	tokens    tokens
	dice      *rand.Rand
	turn      uint8 // the next ReqValQr's payee
}

func newUnsigned(host string, at time.Time, dice *rand.Rand) *unsigned {
	u := &unsigned{dice: dice}
	for k := range kind(kinds) {
		for _, payee := range payees {
			t := newTemplate(k, payee, at)
			u.templates[k] = append(u.templates[k], t)
			u.heads[k] = append(u.heads[k], head(k, host, len(t.text)))
		}
	}
	return u
}

func (u *unsigned) next(dst []byte, k kind) ([]byte, message, bool) {
	var spent token
	if k == pay {
		var ok bool
		if spent, ok = u.tokens.take(); !ok {
			return dst, message{}, false
		}
	} else {
		spent.payee = u.turn
		u.turn = (u.turn + 1) % uint8(len(payees))
	}
	m := message{k, newID("LDM", u.dice), spent.payee}
	dst = append(dst, u.heads[k][spent.payee]...)
	return u.templates[k][spent.payee].put(dst, m.msgID, newID("LDT", u.dice), spent), m, true
}

func (u *unsigned) got(t token) { u.tokens.put(t) }

func (u *unsigned) signed() bool { return false }

// tokens is the queue of those that are not spent: the oldest goes first.
type tokens struct {
	all  []token
	head int
}

func (q *tokens) len() int { return len(q.all) - q.head }

func (q *tokens) put(t token) {
	if q.head > len(q.all)/2 && q.head > 1024 {
		q.all = q.all[:copy(q.all, q.all[q.head:])]
		q.head = 0
	}
	q.all = append(q.all, t)
}

func (q *tokens) take() (token, bool) {
	if q.len() == 0 {
		return token{}, false
	}
	q.head++
	return q.all[q.head-1], true
}
