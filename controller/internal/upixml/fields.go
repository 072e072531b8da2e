package upixml

import (
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// fields reads the fields of one message and keeps the first refusal. It lives
// on the stack; what it allocates is the texts that a message keeps, one for
// each, and a copy of each text that is written with references.
type fields struct {
	document
	refusal *Error
}

// open scans doc, which must be a message of that root.
func (f *fields) open(doc []byte, root string) {
	found, err := scan(doc)
	if err != nil {
		f.refusal = err.(*Error) // scan returns nothing else
		return
	}
	f.document = found
	if found.root != root {
		f.fail("the root element is not " + root)
	}
}

func (f *fields) fail(message string) {
	if f.refusal == nil {
		f.refusal = f.refuse(CodeBadRequest, message)
	}
}

func (f *fields) wrong(name field, how string) {
	if f.refusal == nil {
		f.fail(f.shape.where(name) + " " + how)
	}
}

// need returns the text of a field that must be there.
func (f *fields) need(name field) ([]byte, bool) {
	if f.refusal != nil {
		return nil, false
	}
	text := f.text(name)
	if len(text) == 0 {
		f.wrong(name, "is missing or empty")
		return nil, false
	}
	return text, true
}

// has reports whether a field is there and not empty.
func (f *fields) has(name field) bool { return f.refusal == nil && len(f.raw(name)) > 0 }

func (f *fields) form(name field, form func([]byte) bool) string {
	text, ok := f.need(name)
	if !ok {
		return ""
	}
	if !form(text) {
		f.wrong(name, "does not have its form")
		return ""
	}
	return keep(text)
}

// keep makes the string that a message keeps. The texts that most messages have
// in common cost nothing.
func keep(text []byte) string {
	switch string(text) {
	case "INR":
		return "INR"
	case "00":
		return "00"
	}
	return string(text)
}

// optional takes an empty element for one that is not there.
func (f *fields) optional(name field, form func([]byte) bool) string {
	if !f.has(name) {
		return ""
	}
	return f.form(name, form)
}

func (f *fields) address(name field) string {
	text, ok := f.need(name)
	if !ok {
		return ""
	}
	vpa := string(text)
	if !upiuri.ValidVPA(vpa) {
		f.wrong(name, "is not a UPI address")
		return ""
	}
	return vpa
}

func (f *fields) optionalAddress(name field) string {
	if !f.has(name) {
		return ""
	}
	return f.address(name)
}

// money reads an amount that is at least the least one, which only collect
// requests set lower than MinAmount.
func (f *fields) money(name field, least protocol.Paise) protocol.Paise {
	text, ok := f.need(name)
	if !ok {
		return 0
	}
	amount, err := protocol.ParseRupees(string(text))
	switch {
	case err != nil:
		f.wrong(name, "is not an amount with at most two decimals")
	case amount < least && least == MinAmount:
		f.wrong(name, "is below 1.00")
	case amount < least:
		f.wrong(name, "is nothing")
	}
	return amount
}

func (f *fields) time(name field) time.Time {
	text, ok := f.need(name)
	if !ok {
		return time.Time{}
	}
	t, ok := parseTime(text)
	if !ok {
		f.wrong(name, "is not a time like 2026-06-12T10:30:00Z")
		return time.Time{}
	}
	return t
}

// parseTime is upiuri.ParseTime, without its cost for the form that nearly all
// messages have: 2026-06-12T10:30:00Z.
func parseTime(text []byte) (time.Time, bool) {
	const form = "0000-00-00T00:00:00Z"
	plain := len(text) == len(form)
	for i := 0; plain && i < len(form); i++ {
		if form[i] == '0' {
			plain = text[i] >= '0' && text[i] <= '9'
		} else {
			plain = text[i] == form[i]
		}
	}
	if !plain {
		t, err := upiuri.ParseTime(string(text))
		return t, err == nil
	}
	two := func(at int) int { return int(text[at]-'0')*10 + int(text[at+1]-'0') }
	year, month, day := two(0)*100+two(2), time.Month(two(5)), two(8)
	hour, minute, second := two(11), two(14), two(17)
	t := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	// What is out of its range comes back as something else.
	y, m, d := t.Date()
	return t, y == year && m == month && d == day && hour < 24 && minute < 60 && second < 60
}
