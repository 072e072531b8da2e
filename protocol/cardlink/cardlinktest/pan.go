// Package cardlinktest is what tests of the card reader's line are made of: a
// scan for card numbers, and lines that are not good ones. Only tests import it.
package cardlinktest

// The lengths of a payment card's number that are looked for (ISO/IEC 7812). There
// were shorter ones; a retrieval reference number has 12 digits, passes the Luhn
// rule one time in ten, and must not be taken for one.
const (
	shortest = 13
	longest  = 19
)

// FindPAN looks for a card's number in any bytes, a log or a database file as
// well: 13 to 19 digits, each parted from the next by nothing, one space or one
// dash, that pass the Luhn rule, also within a longer run. It returns the digits.
// One run in ten of 13 digits passes by chance, so what is scanned should have no
// long numbers of its own.
func FindPAN(text []byte) (pan string, found bool) {
	run := make([]byte, 0, 64) // digits, as far as they belong together
	apart := 0                 // separators since the last digit
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			run, apart = append(run, c), 0
			if len(run) > longest {
				run = append(run[:0], run[1:]...)
			}
			for n := shortest; n <= len(run); n++ {
				if last := run[len(run)-n:]; Luhn(string(last)) {
					return string(last), true
				}
			}
		case (c == ' ' || c == '-') && apart == 0:
			apart++
		default:
			run, apart = run[:0], 0
		}
	}
	return "", false
}

// Luhn reports whether digits pass the rule of ISO/IEC 7812, annex B.
func Luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(digits) > 0 && sum%10 == 0
}

// PANs are numbers of test cards, of every length there is, that no bank gives
// out.
func PANs() []string {
	return []string{
		"4222222222222", "30569309025904", "378282246310005", "4111111111111111", "5555555555554444",
		"6521111111111110", "60110009901394249", "601100099013942442", "6304000000000000000",
	}
}
