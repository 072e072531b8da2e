package apidoc

import (
	"bytes"
	"embed"
	"html/template"
)

//go:embed assets/*.html
var templates embed.FS

//go:embed assets/docs.css
var style []byte

const (
	styleName   = "docs.css"
	missingPage = "no-such-page"
)

// page is one page: its name in the address, and what its template shows.
type page struct {
	Name, Title, Template string
	Data                  any
	Hidden                bool // in no list of pages
}

// vocabulary is a table of codes with its words.
type vocabulary struct {
	group        Group
	title, intro string
}

func vocabularies() []vocabulary {
	return []vocabulary{
		{GroupV1, "Codes of v1", "What an answer of a route under /v1, or of a question about a Dynamic QR, says in code. Decide by the code, not by the message."},
		{GroupV3, "Codes of v3", "What an answer of a route under /v3 says in code. A code with two meanings has two rows."},
		{GroupEvents, "Codes of events", "What an answer of /v1/events says in code."},
		{GroupUPI, "Codes of UPI", "What RespValQr, RespPay and RespChkTxn say in Status. In a payment's responseCode they stand behind UPI:, as in UPI:IP08. Some have the letters of a code in NPCI's public lists and another meaning; where those lists are known to have the code, or another one for the same, the table says which."},
		{GroupDevice, "Codes of enrolment", "What a refused enrolment says in code."},
		{GroupAdmin, "Codes of administration", "What a problem document says in code."},
	}
}

func codesPage(g Group) string { return "codes-" + string(g) }

// plan is every page, in the order of the list that each page has.
func (b *book) plan() []page {
	pages := []page{{Name: "", Title: "First call", Template: "start.html", Data: b.Config}}
	for _, c := range b.chapters {
		pages = append(pages, page{Name: c.Page, Title: c.Title, Template: "chapter.html", Data: b.chapterView(c)})
	}
	for _, g := range vocabularies() {
		pages = append(pages, page{Name: codesPage(g.group), Title: g.title, Template: "codes.html", Data: b.codesView(g)})
	}
	return append(pages,
		page{Name: "codes-network", Title: "Codes of the network's answers", Template: "network.html", Data: b.Config},
		page{Name: "states", Title: "States and reasons", Template: "states.html", Data: b.statesView()},
		page{Name: "dynamic-qr", Title: "Dynamic QR", Template: "dynamic.html", Data: b.Config},
		page{Name: "settlement", Title: "Settlement files", Template: "settlement.html", Data: b.settlementView()},
		page{Name: "risk", Title: "Risk rules", Template: "risk.html", Data: b.Config},
		page{Name: "callbacks", Title: "Callbacks", Template: "callbacks.html", Data: b.callbacksView()},
		page{Name: "topics", Title: "Terminal topics", Template: "topics.html", Data: newTopicsView()},
		page{Name: "limits", Title: "Rate limits", Template: "limits.html", Data: b.Config},
		page{Name: "listen", Title: "Listen and sign", Template: "listen.html", Data: b.Config},
		page{Name: missingPage, Title: "No such page", Template: "missing.html", Hidden: true},
	)
}

// pages makes every page once.
func (b *book) pages() (map[string][]byte, error) {
	t, err := template.ParseFS(templates, "assets/*.html")
	if err != nil {
		return nil, err
	}
	plan := b.plan()
	made := map[string][]byte{}
	for _, p := range plan {
		var body, whole bytes.Buffer
		if err := t.ExecuteTemplate(&body, p.Template, p.Data); err != nil {
			return nil, err
		}
		err := t.ExecuteTemplate(&whole, "page.html", struct {
			page
			Version string
			Pages   []page
			Body    template.HTML
		}{p, b.Version, plan, template.HTML(body.String())}) // made by a template, a line above
		if err != nil {
			return nil, err
		}
		made[p.Name] = whole.Bytes()
	}
	return made, nil
}
