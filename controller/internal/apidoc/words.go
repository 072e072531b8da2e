package apidoc

import (
	_ "embed"
	"encoding/json"
	"sync"
)

// wordsJSON is what the Go source says of the types that are described by
// reflection. It is made by the test of it with -update.
//
//go:embed words.json
var wordsJSON []byte

// typeWords is what the source says of a type.
type typeWords struct {
	Doc    string            `json:"doc,omitempty"`
	Fields map[string]string `json:"fields,omitempty"` // by the name in JSON
	Values []valueWords      `json:"values,omitempty"` // of a type of words
}

type valueWords struct {
	Value string `json:"value"`
	Doc   string `json:"doc,omitempty"`
}

// allWords reads the file once: it is part of this program.
var allWords = sync.OnceValue(func() map[string]typeWords {
	var all map[string]typeWords
	if err := json.Unmarshal(wordsJSON, &all); err != nil {
		panic("words.json: " + err.Error())
	}
	return all
})

// wordsOf are the words of a type, by its package and name: "protocol.State".
func wordsOf(name string) typeWords { return allWords()[name] }
