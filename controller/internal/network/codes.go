package network

// Class is what a Status of the network says of what we asked for.
type Class string

// The classes.
const (
	Accepted Class = "accepted" // it is done
	Pending  Class = "pending"  // it is under way; how it ends is not known yet
	Refused  Class = "refused"  // it was not done and never will be
	// Unsettled says nothing of what we asked for: it is asked again. It is the
	// class of every Status that is not in the table (failure matrix 0.6).
	Unsettled Class = "unsettled"
)

// Codes is the one table of what the network answers with: a Status, what it
// says, and what it means to us. The words are those of upi-switch: Code
// meanings, and for the U codes and ZH those of NPCI's public lists.
var Codes = []struct {
	Status  string
	Class   Class
	Meaning string
}{
	{"00", Accepted, "Success"},
	{"PENDING", Pending, "Not known yet"},
	{"BR", Refused, "Message is not well-formed or not complete"},
	{"ZQ", Refused, "Transaction not known"},
	{"ZR", Refused, "Merchant not known"},
	{"YH", Refused, "Merchant error"},
	{"ZE", Refused, "Does not fit the original"},
	{"ZH", Refused, "Address not valid"},
	{"PE", Refused, "Expired"},
	{"X7", Refused, "Amount exceeds limit"},
	{"U16", Refused, "Risk threshold exceeded"},
	{"U17", Refused, "Address or its bank is not registered"},
	{"U30", Refused, "Debit failed"},
	{"IP05", Refused, "Declined: do not honour"},
	{"IP08", Refused, "Declined by the payer's bank"},
	{"IP10", Refused, "Could not be processed"},
	{"ZD", Unsettled, "Message id used before"},
	{"ZF", Unsettled, "Our signature is not taken"},
	{"U48", Unsettled, "Transaction not found at a bank"},
	{"96", Unsettled, "System error"},
}

// statusUnknown answers a question about a transaction that is not known.
const statusUnknown = "ZQ"

// ClassOf is what a Status means to us.
func ClassOf(status string) Class {
	for _, row := range Codes {
		if row.Status == status {
			return row.Class
		}
	}
	return Unsettled
}

// meaning is a Status with its sentence, for the operator. What the network says
// besides is not repeated: it may name a customer.
func meaning(status string) string {
	for _, row := range Codes {
		if row.Status == status {
			return status + " " + row.Meaning
		}
	}
	return status + " (not in the table)"
}
