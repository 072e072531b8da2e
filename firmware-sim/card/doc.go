// Package card is a card machine without the hardware: the black box beside a
// terminal that gets an amount and a reference, has a card put on it, and
// approves, declines, or gives no answer (failure matrix T23: semi-integrated,
// so that no card number ever reaches the terminal).
//
// Package terminal owns one reader for each simulated terminal; the agent works
// it as agent.CardReader, people and test programs by Tap.
//
// # Another box
//
// The reader has its own power and its own memory. What happens to the terminal
// beside it, a power cut in the middle of an approval as well, changes nothing
// in it: once a card was read, the answer comes when it comes, and Last tells it.
// With a file it also survives the program.
//
// # What a card number would do here
//
// Nothing: a card is described by four digits and words of fixed lists, what is
// anything else is refused, and a refusal does not repeat what it refuses.
package card
