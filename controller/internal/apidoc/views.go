package apidoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/galla-pay/galla/protocol"
)

// What the templates are given: plain values, nothing to decide.

// chapterView is the page of a group.
type chapterView struct {
	Title, Intro string
	Operations   []operationView
}

type operationView struct {
	ID, Method, Path, Summary, Doc, Signed string
	Parameters, Headers, Payload           []row
	Answers                                []answerView
	Examples                               []exampleView
	Callback                               bool
}

type answerView struct {
	Status int
	Text   string
	Codes  []linked
	Data   []row
	Retry  bool
}

// linked is a word with where it is explained.
type linked struct{ Name, Link string }

type exampleView struct {
	ID, Summary, Curl, Payload, Answer string
	Status                             int
}

// row is a field as a table shows it.
type row struct {
	Name, Kind, Bounds, Doc string
	Required                bool
	Depth                   int
}

func (b *book) chapterView(c chapter) chapterView {
	v := chapterView{Title: c.Title, Intro: c.Intro}
	for _, d := range b.operations {
		if d.group == c.Group {
			v.Operations = append(v.Operations, b.operationView(d))
		}
	}
	return v
}

func (b *book) operationView(d described) operationView {
	v := operationView{
		ID: d.id, Method: d.Method, Path: d.Path, Summary: d.Summary, Doc: d.doc, Callback: d.callback,
		Parameters: rows(slices.Concat(d.parameters, d.query)), Headers: rows(d.headers), Payload: b.under(d.payload, 0),
	}
	switch {
	case d.SignsBody:
		v.Signed = "Send the payload as base64 in request. X-VERIFY signs that text and " + strings.TrimSuffix(d.Path, "/") + "."
	case hasField(d.headers, "X-VERIFY"):
		v.Signed = "X-VERIFY signs the path alone."
	}
	for _, r := range d.responses {
		if i := len(v.Answers) - 1; i >= 0 && v.Answers[i].Status == r.status {
			continue // the same in another form
		}
		a := answerView{Status: r.status, Text: http.StatusText(r.status), Retry: r.retryAfter}
		for _, c := range r.codes {
			a.Codes = append(a.Codes, linked{c.Code, codesPage(d.group) + "#" + c.Code})
		}
		if r.status < 300 {
			a.Data = b.under(dataOf(r.schema), 0)
		}
		v.Answers = append(v.Answers, a)
	}
	for _, e := range d.examples {
		x := exampleView{ID: e.Name, Summary: e.Summary, Curl: e.curl, Status: e.answer.Status, Answer: pretty(e.answer.Body)}
		if e.Signed() || e.curl == "" {
			x.Payload = pretty(rawJSON(e.Body))
		}
		v.Examples = append(v.Examples, x)
	}
	return v
}

// dataOf is the data of an envelope, where there is one.
func dataOf(s *schema) *schema {
	if len(s.AnyOf) > 0 {
		return dataOf(s.AnyOf[0])
	}
	for _, p := range s.Properties {
		if p.name == "data" && hasField(s.Properties, "success") {
			return p.schema
		}
	}
	return s
}

func rows(f []field) []row {
	var all []row
	for _, p := range f {
		all = append(all, row{Name: p.name, Kind: p.schema.kind(), Bounds: p.schema.bounds(), Doc: p.schema.Description, Required: p.required})
	}
	return all
}

// under are the fields of a form, those of forms within it below them.
func (b *book) under(s *schema, depth int) []row { return fieldsOf(b.schemas, s, depth) }

// fieldsOf looks references up in forms. It does not go deeper than any form does.
func fieldsOf(forms fields, s *schema, depth int) []row {
	s = resolve(forms, s)
	switch {
	case s == nil || depth > 4:
		return nil
	case s.Items != nil:
		return fieldsOf(forms, s.Items, depth)
	}
	var all []row
	for _, p := range s.Properties {
		r := row{Name: p.name, Kind: p.schema.kind(), Bounds: p.schema.bounds(), Doc: p.schema.Description, Required: p.required, Depth: depth}
		if target := p.schema; target.Ref != "" {
			r.Kind = "object"
		} else if target.Items != nil && target.Items.Ref != "" {
			r.Kind = "list of objects"
		}
		all = append(all, r)
		all = append(all, fieldsOf(forms, p.schema, depth+1)...)
	}
	for _, a := range s.AnyOf {
		all = append(all, fieldsOf(forms, a, depth)...)
	}
	return all
}

func resolve(forms fields, s *schema) *schema {
	if s == nil || s.Ref == "" {
		return s
	}
	for _, f := range forms {
		if f.name == s.kind() {
			return f.schema
		}
	}
	return nil
}

// codesView is the page of a table of codes.
type codesView struct {
	Title, Intro string
	Official     bool // some code has a neighbour in the network's lists
	Rows         []codeRow
}

type codeRow struct {
	Code
	Anchor, Meaning string
	Used            []linked
}

func (b *book) codesView(g vocabulary) codesView {
	v := codesView{Title: g.title, Intro: g.intro}
	seen := map[string]bool{}
	for _, c := range b.Codes[g.group] {
		row := codeRow{Code: c, Anchor: c.Code, Meaning: meanings()[g.group][c.Code]}
		if seen[c.Code] {
			row.Anchor = fmt.Sprintf("%s-%d", c.Code, c.HTTPStatus)
		}
		seen[c.Code] = true
		v.Official = v.Official || c.Official != ""
		for _, d := range b.operations {
			if d.group == g.group && d.group != GroupAdmin && d.answers(c) {
				row.Used = append(row.Used, linked{d.Method + " " + d.Path, b.pageOf(d.group) + "#" + d.id})
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// answers reports whether a route can answer a row of a table.
func (d described) answers(c Code) bool {
	for _, r := range d.responses {
		for _, code := range r.codes {
			if code.Code == c.Code && (code.HTTPStatus == c.HTTPStatus || code.Message == c.Message) {
				return true
			}
		}
	}
	return false
}

func (b *book) pageOf(g Group) string {
	for _, c := range b.chapters {
		if c.Group == g {
			return c.Page
		}
	}
	return ""
}

// statesView is the page of states and reasons.
type statesView struct {
	States  []stateRow
	Reasons []Reason
}

type stateRow struct {
	State
	Meaning string
}

func (b *book) statesView() statesView {
	v := statesView{Reasons: b.Reasons}
	for _, s := range b.States {
		v.States = append(v.States, stateRow{s, stateMeanings()[s.Name]})
	}
	return v
}

// settlementView is the page of the settlement files.
type settlementView struct{ Columns []row }

func (b *book) settlementView() settlementView {
	var v settlementView
	for _, name := range b.Columns {
		v.Columns = append(v.Columns, row{Name: name, Doc: columnMeanings()[name]})
	}
	return v
}

// callbacksView is the page of callbacks.
type callbacksView struct {
	Headers  []row
	Example  string
	Response string // what is in it
}

func (b *book) callbacksView() callbacksView {
	v := callbacksView{Headers: rows(callbackHeaderFields())}
	if e, ok := answers()[callbackExample]; ok {
		var body struct {
			Response []byte `json:"response"`
		}
		_ = json.Unmarshal(e.Body, &body) // it is ours
		v.Response = pretty(body.Response)
		var text strings.Builder
		for _, name := range sortedKeys(e.Header) {
			text.WriteString(name + ": " + e.Header[name] + "\n")
		}
		v.Example = text.String() + "\n" + string(e.Body)
	}
	return v
}

// topicsView is the page of the terminals' topics.
type topicsView struct {
	Version, KeySetVersion, MaxMessage int
	Topics                             []topicView
	Forms                              []formView
	Words                              []wordsView
}

type topicView struct {
	Name, Doc string
	Messages  []messageView
}

type messageView struct{ Name, Summary, Form, Signed string }

type formView struct {
	Name, Doc string
	Rows      []row
}

type wordsView struct {
	Name   string
	Values []valueWords
}

func newTopicsView() topicsView {
	t := topicTypes()
	v := topicsView{Version: protocol.Version, KeySetVersion: protocol.KeySetVersion, MaxMessage: protocol.MaxMessage}
	for _, topic := range topics() {
		one := topicView{Name: topic.name, Doc: topic.doc}
		for _, m := range topic.messages {
			one.Messages = append(one.Messages, messageView{m.name, m.summary, m.title(), string(m.purpose) + ", by " + m.signer})
		}
		v.Topics = append(v.Topics, one)
	}
	for _, made := range t.made {
		v.Forms = append(v.Forms, formView{made.name, made.schema.Description, rows(made.schema.Properties)})
	}
	for _, name := range []string{"Mode", "Phase", "Outcome", "FactKind", "PullOutcome"} {
		v.Words = append(v.Words, wordsView{name, wordsOf("protocol." + name).Values})
	}
	return v
}

// pretty is JSON to be read; a JSON string is shown as its text.
func pretty(raw json.RawMessage) string {
	var plain string
	if json.Unmarshal(raw, &plain) == nil {
		return plain
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}
