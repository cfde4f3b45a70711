//go:build linux && !portable

package relay

// portable tells which poller is tested.
const portable = false

// expectsEvent is for pollers that report late: epoll has told all there is.
func expectsEvent(*line) bool { return false }
