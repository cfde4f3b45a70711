//go:build linux && !portable

package relay

// eventDelay is how long an event may take to be reported.
const eventDelay = 0
