// Package watch tells when files have changed. It looks at them: whatever tells
// of changes does not for all file systems, and editors, links and mounts have
// many ways to change a file.
package watch

import (
	"context"
	"sync"
	"time"
)

// interval is how often files are looked at.
const interval = 500 * time.Millisecond

// Files are files that belong together, and are read again when they change. A
// change counts at the second look that finds it as it is: an editor may write a
// file in parts, and whoever replaces several one after the other.
type Files struct {
	names []string // static

	// guarded by mu
	mu     sync.Mutex
	read   seen // what was read last, be it good or not
	latest seen // at the last look
}

// Look is to be called before the files are read for the first time.
func Look(names ...string) *Files {
	s := look(names)
	return &Files{names: names, read: s, latest: s}
}

// Read is to be called before the files are read for another reason than a
// change.
func (f *Files) Read() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = look(f.names)
}

// Changed looks again. It returns true, once, for a change.
func (f *Files) Changed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := look(f.names)
	settled := now.same(f.latest)
	f.latest = now
	if !settled || now.same(f.read) {
		return false
	}
	f.read = now
	return true
}

// Run has turn look at files, from time to time, until ctx is done.
func Run(ctx context.Context, turn func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			turn()
		}
	}
}
