// Package admin is the administration: who may take payments and by which key
// (merchants, stores, terminals, payees, POS providers, UPI organisations, salt
// keys), who may change that (tokens), and what was changed by whom (the audit
// log).
//
// Service is the use cases: each checks what it is given, and is one transaction
// of a Store together with its line of the audit log. API is the front door over
// HTTP, under /admin/v1; the command's verbs call the Service directly. Both say
// the same of the same mistake, in the words of the one table of codes.go.
//
// The running controllers read the merchants' data anew every few seconds, so a
// change needs to tell nobody.
//
// # Secrets
//
// A salt key and a token are drawn here, told once, in the answer that makes
// them, and are in no answer, no line of the audit log and no log after that.
// Salt keys are sealed by the storage; of a token only the SHA-256 is kept.
package admin
