// Package cardlink is the protocol between a terminal and a certified card
// reader beside it, over a serial line or TCP. This page is its specification:
// a reader's maker needs nothing else.
//
// The reader is semi-integrated (failure matrix T23): it gets an amount and a
// reference, reads the card, takes the PIN and asks the bank by itself, and says
// what became of it. No card number, track or PIN crosses the line, and there is
// no field that could hold one. The package is the codec, Encode and Decoder, and
// the line's rules, Link. The terminal's side is agent/cardlink; a reader that
// one can hold cards to is firmware-sim/card.
//
// # The line
//
// A serial line has 8 data bits, no parity, one stop bit, no flow control, at
// 9600 baud or more; raw, nothing is translated. Over TCP the reader listens and
// the terminal connects; of two connections the newer one counts. Nothing is
// encrypted, and who can reach the reader's port can pretend to be it: the two
// are on a cable or a network of their own.
//
// # Frames
//
// A frame is one line of printable ASCII:
//
//	$G1 <kind> <rest>*<crc>\n
//
// G1 is the protocol and its version. Words are parted by one space. crc is eight
// hexadecimal digits in capitals: the CRC-32 (IEEE 802.3, as in zlib) of
// everything between $ and *. Neither $ nor * nor a line feed is ever within, and
// a frame is at most MaxFrame bytes long. There is no carriage return.
//
// A receiver begins anew at every $, wherever it is, and forgets whatever is not
// a whole and good frame: so it is in step again with the next frame, after any
// noise. What a good frame has in its fields is checked just as strictly; a frame
// has one way to be written.
//
//	D <session> <n> <message>   a message
//	A <session> <n>             message n of that session has come
//	N                           something came, and it was no frame
//	K <session>                 still here
//
// session is eight letters a to z, by chance, new whenever a side is started or
// connects: both say theirs in D and K. n is 1 to 999999 and rises; a session
// that has used them up ends.
//
// A side sends one message at a time: again after Resend (300 ms), or at once when
// an N comes, until its A comes. Without one for GiveUp (4 s) the line is dead. A
// receiver answers every good D with A, also when n is not above the last one it
// took in this session; then it has it already and does nothing else. It answers
// A only for what it has room for. It sends N at most once in NakGap (200 ms).
//
// A side that has sent nothing for KeepAlive (2 s) sends K; the first frame of a
// session is answered with K at once. A side that hears no good frame for Silence
// (7 s) takes the line for dead. A session other than before says that the other
// side was started anew and remembers nothing of the line.
//
// Dead means: the terminal closes the line and opens it again; the reader stops
// waiting for a card. What a bank was asked goes on.
//
// # Words
//
//	ref      1 to 64 of letters, digits, _ and -: the terminal's name of a payment
//	tag      16 letters a to p: that payment in an answer, see TagOf
//	amount   INR and 1 to 10000000000: whole paise, without a leading zero
//	rrn      R and the acquirer's retrieval reference number, 12 digits
//	network  1 to 16 of A to Z and _, or - where it is not known: VISA, RUPAY
//	type     1 to 12 of A to Z, or -: CREDIT, DEBIT, PREPAID
//	last4    X and four digits, or -
//	code     1 to 24 of A to Z, digits and _, at most four of them digits
//	doing    IDLE, WAITING, BUSY or FAULT
//
// Only the terminal writes a ref. A reader's answers have tags, made of letters
// alone; their longest run of digits is the 12 of rrn. A payment card's number
// has 13 to 19 digits, so none fits anywhere: a scan for them by digits and the
// Luhn rule begins at 13, and an rrn, which by chance may pass the rule, stands
// alone between letters and is never part of a longer run. What form cannot tell
// is a reader that lies: an rrn made of a card's first twelve digits.
//
// # What a terminal says
//
//	STATUS             what are you doing? answered with STATE
//	SALE ref amount    ask for a card, and take amount from it
//	CANCEL ref         do not, if the bank was not asked yet
//	NOTED ref          READ is on the terminal's disk: go on, ask the bank
//	LAST ref           how did it end?
//	TOOK ref           APPROVED has come
//
// # What a reader says
//
//	STATE doing
//	WAITING tag        a card is asked for
//	READ tag           a card was read; the bank is asked once NOTED comes
//	PENDING tag        the bank is asked, and has not answered
//	APPROVED tag amount rrn network type last4
//	KEPT tag           the approval stands for ever
//	DECLINED tag code  the bank, or the reader, has said no: no money moves
//	REVERSED tag       it was approved, and is taken back: no money moves
//	UNKNOWN tag        the bank did not answer; it may have approved
//	NONE tag           no card was read for it
//	WITHDRAWN tag      no card is asked for any more, and the bank was not asked
//	REMOVE tag         the customer is asked to take the card out
//	ERROR tag code     it cannot be done now, and says nothing of a card: BUSY (with
//	                   another payment's card), OTHER_AMOUNT (the ref was used
//	                   before, with another), FAULT
//
// # A sale
//
//	terminal                    reader
//	SALE P1 INR24500
//	                            WAITING ...          nobody has a card yet
//	                            READ ...             a chip was read; the bank not asked
//	NOTED P1                                         it is on the terminal's disk
//	                            PENDING ...          only if the bank takes its time
//	                            APPROVED ...
//	TOOK P1
//	                            KEPT ...             only now it is an approval
//	                            REMOVE ...
//
// SALE may be said again at any time and charges once: it is answered with how
// far that ref is. While the reader waits for a card, a SALE with another ref
// takes its place.
//
// NOTED has to come within NotedLimit (10 s) of READ; without it, or when the
// line dies or CANCEL comes before, the bank is not asked, ever, for that card:
// LAST is then answered DECLINED NOT_AUTHORISED, and a new SALE with that ref may
// read another card. A NOTED that comes later has no answer but that one. CANCEL is answered WITHDRAWN, NONE if there was nothing to
// withdraw, or, once the bank is asked, with how far it is: an approval under way
// is never cancelled.
//
// APPROVED counts for the terminal when KEPT has come. An approval that was not
// kept may be taken back by the reader after a time of its choice; one that was
// is not. So the two agree whichever frame is lost: a terminal without KEPT asks
// LAST, and is told APPROVED once more, or REVERSED.
//
// LAST is answered at any time, after any restart of either side, from the
// reader's own memory: APPROVED, DECLINED, REVERSED, UNKNOWN, NONE, or PENDING,
// and then what it comes to as soon as that is known.
//
// A terminal takes an APPROVED with another amount than it asked for as no
// approval, and says no TOOK.
package cardlink
