// Package signals says what a terminal's lamp shows and what it sounds, for
// whatever it is doing: terminal-ux's LED and sound table as pure functions.
//
// Nothing here touches a pin or a sound card. Package board plays a Light on a
// LED and a Tone on a buzzer, package voice a Speech through a sound card, and
// firmware-sim's page draws the same Programs and plays the same WAVs, so that
// what a cashier learns on one is true on the other.
//
// LightOf and Cue know no history; Score adds what takes one (a reminder, an
// outage that is told once, a payment that came in late) with the time handed in.
// Conductor runs a Score against the clock.
package signals
