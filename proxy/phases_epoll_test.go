//go:build linux && !portable

package proxy_test

// What a client has that stops in the middle of a phase, the test's own end of it
// included.
const (
	halfOpenGoroutines = 0
	halfOpenMemory     = 3 << 10
)
