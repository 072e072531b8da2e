package token

// Error is why a document is refused, in words for its sender. Errors are
// constants; none quotes the document.
type Error string

// Error returns the words.
func (e Error) Error() string { return string(e) }

// The errors of [Tokenizer.Next].
const (
	ErrTooLong       Error = "the message is longer than 64 KiB"
	ErrUTF8          Error = "the message is not UTF-8"
	ErrSyntax        Error = "the message is not well-formed XML"
	ErrInstruction   Error = "processing instructions are not allowed"
	ErrComment       Error = "comments are not allowed"
	ErrCDATA         Error = "CDATA sections are not allowed"
	ErrDoctype       Error = "a DOCTYPE is not allowed"
	ErrColon         Error = "a name has a colon where no prefix is"
	ErrOutside       Error = "there is text outside the elements"
	ErrSecondRoot    Error = "the message has more than one root element"
	ErrNoRoot        Error = "the message has no root element"
	ErrNotEnded      Error = "the message ends before its root element does"
	ErrNotOpen       Error = "an element is ended that is not open"
	ErrLevels        Error = "the message is nested deeper than 32 levels"
	ErrAttributes    Error = "an element has more than 32 attributes"
	ErrTwice         Error = "an element has an attribute twice"
	ErrAttributeText Error = "an attribute holds a tab or a line break"
)
