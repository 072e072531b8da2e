// Package clock says at what time a server's certificate is looked at, on a
// device whose own clock may be wrong by years (failure matrix T18): a Raspberry
// Pi has none that runs without power. Nothing else in the agent asks for the
// time of day; whatever is waited for is a duration.
//
// Package identity owns the one Clock and asks it for every connection.
//
// # What it knows
//
//   - The wall clock, which may say anything, and jump.
//   - The floor: a time that has passed for certain. It is the newest of when this
//     program was built (the commit, where the build knows it) and when the
//     certificates of the servers were made that it has believed so far, because an
//     authority signs none that begins later. The time that the device has run since
//     is added.
//   - Seen: what the wall clock said when a certificate was last good by it, and the
//     time that the device has run since. It is likely right, and only an estimate:
//     a clock that went wrong within the life of a certificate has spoiled it, until
//     the next good certificate.
//
// Both are kept, and written when they have moved by a day: a sync write a day.
//
// # The rule
//
// A chain of certificates is believed when it is good, in this order, at
//
//  1. the wall clock's time, if that is not before the floor; else at the estimate,
//     the later of floor and seen;
//  2. the estimate, if the wall clock is more than 30 days ahead of it;
//
// and where it only begins later than that, at the time at which it begins: that
// somebody has signed it shows that the clock is late.
//
// So neither a clock of 1970 nor one of 2036 keeps a terminal from its broker, and
// neither needs anybody to visit it.
//
// # What that costs
//
// The first and the last part of the rule give nothing away: an expired
// certificate is refused by a clock that is right, and one that is late is lifted
// to the floor. The second part lets an expired certificate in, whose key
// somebody has stolen, but only on a terminal that knows of no time in the last 30
// days: that was switched off for so long, or kept away from every broker and
// rebooted, or is new. It is no way in for ever: the estimate goes on with the
// time that the terminal runs, also over power cuts but for the last day of each
// run, and when it reaches the end of the certificate, the certificate is refused,
// whatever the wall clock says. Who comes in so sees the terminal's token and what
// it says; a PAID he cannot make, because states are signed by keys that never were
// in a certificate (failure matrix T1). Where that is too much, pin the broker's
// key.
package clock
