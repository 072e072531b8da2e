// Package phone is the customer: it looks at a terminal's panel as a camera
// would, reads the QR from the pixels, and pays, declines, or only asks. What it
// knows of the payment it has from the picture; it reaches the controller
// through the network of package npci and nowhere else.
//
// The galla-sim program, the demo and the end-to-end tests call it.
package phone
