package upixml

// Dialect says how a message is written. The meaning is the same.
type Dialect string

// The dialects.
const (
	DialectPRD  Dialect = ""     // elements that hold text (PRD 8)
	DialectNPCI Dialect = "npci" // elements that hold attributes, in NPCI's namespace
)

// npciNamespace is the namespace of the root, and of the root alone, of a message
// in NPCI's dialect. The root declares it, for its own prefix, and nothing else
// may: a canonical form renders that one declaration, on the root.
const npciNamespace = "http://npci.org/upi/schema/"
