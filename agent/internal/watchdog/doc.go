// Package watchdog tells the service manager that the terminal runs, so that one
// whose event loop has stopped is started anew (failure matrix R10). It speaks
// systemd's notify protocol (sd_notify): one datagram a message, to the socket
// that NOTIFY_SOCKET names.
//
// Whoever starts the terminal makes one Watchdog from the environment and gives
// its Alive to agent.Config.Alive. Only the event loop feeds it, there is no
// timer of its own: a program that is alive but whose loop stands still falls
// silent, and WATCHDOG_USEC later (WatchdogSec= of the unit, 60 s) systemd ends
// it and starts it again. Its spool and its controller then tell it where it was.
//
// Without systemd a Watchdog does nothing.
package watchdog
