// Package terminal is one payment terminal without the hardware: the real agent
// on an emulated panel, with the things around it that a person can touch, see or
// hear: the power plug, the network plug, the wall clock, the keys, the card
// reader, the glasses, the lamp, the buzzer and the voice.
//
// cmd/galla-sim and package demo own terminals; both reach the controller only
// as the agent does, over HTTP and MQTT. Nothing here knows the terminal
// protocol: what the terminal shows and says is the agent's doing.
//
// # What a switch does
//
// Power off is a plug pulled out. First every socket of the agent is cut, so
// that no farewell gets out; then the agent is stopped; the panel's memory is
// lost at the same moment; the disk stays. Power on boots the agent on that
// disk. Network off cuts every socket and lets dialling fail; the agent goes on
// and must help itself. The terminal's own HTTP side is not a part of the
// simulated device and stays up through all of it.
//
// # Keys and cards
//
// Keys go to the agent that runs; what they mean is its doing. With Config.Wired
// they go through emulated contacts and the real driver. The card reader
// (package card) is a box of its own: it has power when the terminal has none,
// and goes on with a card whatever happens to the terminal.
//
// # Lamp and sound
//
// Package signals says what lamp, buzzer and voice do; State and View tell it in
// words, for people who do not see or hear it and for test programs.
//
// # What the computer around the agent does
//
// An agent that gives up is started again after two seconds, as the service
// manager of a real terminal does; until then the mode is fault.
package terminal
