// Package board drives what stands beside a terminal's panel: keys, a keypad of
// twelve, the lamp and the buzzer. Like package panel it is handed its pins opened,
// so that the same driver runs on a Raspberry Pi and on the parts emulated in
// board/boardtest.
//
// Whoever opens a part closes it. None of them can stop a payment: a pin that
// cannot be had or does not do as told is logged once, is told by Fault or Faults
// for who asks (galla-agent doctor), and the rest goes on.
//
// Wiring is data here too: Parts says which pin of the header each line is on
// where nobody says otherwise, for the code and for the field guide.
package board
