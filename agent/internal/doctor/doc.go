// Package doctor finds out whether a terminal is fit to take payments, and says
// what to do where it is not. Each check looks at one thing and gives one Finding
// in words for a field engineer; Examine runs them in order and bounds each.
//
// The checks are handed opened hardware, folders and addresses: names of pins and
// flags are the command's, galla-agent doctor, which is this package's only
// caller. None changes what a terminal remembers. While an agent runs on the same
// folder, nothing is touched that it uses: InUse tells.
package doctor
