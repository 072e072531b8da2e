// Package boardtest emulates the parts of package board electrically, for tests
// and for terminals without hardware: buttons that bounce, a keypad whose keys
// connect rows with columns, a LED and a buzzer that are watched.
//
// A part is made first, its pins are given to the driver, and people's fingers
// and eyes are its methods. All of them may be called from any goroutine, so that
// a browser can press a key while an agent reads it. What a driver does that would
// harm the real part is collected in Misuse; a test should end by demanding that
// list to be empty.
package boardtest
