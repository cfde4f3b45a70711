//go:build !linux || portable

package proxy_test

// What a client has that stops in the middle of a phase, the test's own end of it
// included. Two goroutines wait for its socket.
const (
	halfOpenGoroutines = 2
	halfOpenMemory     = 24 << 10
)
