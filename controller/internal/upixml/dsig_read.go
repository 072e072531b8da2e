package upixml

import (
	"sync"

	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// reading is one pass over the tokens of a document: its canonical form without
// the Signature, and what the Signature says. It is for documents that scan let
// through.
type reading struct {
	scope     scope
	root      canonical // without Signature
	rootID    []byte    // "" for none
	signature signature
	inside    bool // Signature is open
	present   bool // Signature is there, perhaps a bare one

	from, to    int  // where Signature stands
	end         int  // where the root's end tag begins, or the slash that stands for it
	selfClosing bool // which is so
	rootName    []byte
}

// workspace is what the reading of a usual message needs; more only makes it
// allocate.
type workspace struct {
	text                 [2048]byte
	declared, root, info [4]nsBinding
	rootOrder, infoOrder [4]qualified
	infoText             [1280]byte
	digest               [64]byte
	value                [704]byte // base64 of 4096 bits, in lines
}

// reading begins one in w, which is in use as long as anything of it is.
func (w *workspace) reading() reading {
	var r reading
	r.scope.declared = w.declared[:0]
	r.root = canonical{text: w.text[:0], written: w.root[:0], order: w.rootOrder[:0]}
	r.signature.info = canonical{text: w.infoText[:0], written: w.info[:0], order: w.infoOrder[:0]}
	r.signature.digest, r.signature.value = w.digest[:0], w.value[:0]
	return r
}

// workspaces are those that are not in use. The zero value has none yet, and
// then makes them.
type workspaces struct{ free sync.Pool }

func (p *workspaces) take() *workspace {
	if w, ok := p.free.Get().(*workspace); ok {
		return w
	}
	return new(workspace)
}

// give takes w back, and keeps nothing of the document that it was for.
func (p *workspaces) give(w *workspace) {
	clear(w.declared[:])
	clear(w.root[:])
	clear(w.info[:])
	clear(w.rootOrder[:])
	clear(w.infoOrder[:])
	p.free.Put(w)
}

// read is done once with a reading.
func (r *reading) read(doc []byte) error {
	var t token.Tokenizer
	t.Reset(doc)
	for {
		kind, err := t.Next()
		if err != nil {
			return err
		}
		switch kind {
		case token.EOF:
			return nil
		case token.Start:
			err = r.started(&t)
		case token.End:
			r.ended(&t)
		case token.Text:
			r.chars(&t)
		}
		if err != nil {
			return err
		}
	}
}

func (r *reading) started(t *token.Tokenizer) error {
	r.scope.start(t)
	if r.inside {
		return r.signature.start(t, &r.scope)
	}
	if t.Depth() == 2 && string(t.Local()) == "Signature" {
		if r.present {
			return errForm
		}
		r.inside, r.present = true, true
		r.from, _ = t.Span()
		return nil
	}
	if t.Depth() == 1 {
		for i := range t.Attributes() {
			if a := t.Attribute(i); len(a.Prefix) == 0 && string(a.Local) == "Id" {
				r.rootID = value(a)
			}
		}
	}
	return r.root.start(t, &r.scope)
}

func (r *reading) ended(t *token.Tokenizer) {
	switch {
	case !r.inside:
		r.root.end(t)
		if t.Depth() == 0 {
			from, to := t.Span()
			r.end, r.selfClosing, r.rootName = from, t.SelfClosing(), t.Name()
			if r.selfClosing {
				r.end = to - len("/>")
			}
		}
	case t.Depth() > 1:
		r.signature.end(t)
	default:
		r.inside = false
		_, r.to = t.Span()
	}
	r.scope.end(t)
}

func (r *reading) chars(t *token.Tokenizer) {
	switch {
	case r.inside:
		r.signature.chars(t)
	case t.Depth() > 0:
		r.root.chars(t)
	}
}
