//go:build !linux || portable

package relay

import "time"

// eventDelay is how long an event may take to be reported.
const eventDelay = 10 * time.Millisecond
