// Package voice makes sound of what package signals says: clips of recorded
// speech, stitched and preceded by the tone, as one WAV; and a Player that hands
// it to aplay. Everything is in the program: no network is needed to speak.
//
// The clips are made by makeclips out of the words in package signals, one a
// clip. firmware-sim's page plays the same WAV that the terminal's speaker does.
package voice
