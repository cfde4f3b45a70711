package certs

// watched are files that belong together, and are read again when they change.
// One goroutine at a time uses them.
type watched struct {
	names  []string
	read   seen // what was read last, be it good or not
	latest seen // at the last look
}

// watchFiles is to be called before the files are read for the first time.
func watchFiles(names ...string) watched {
	s := look(names...)
	return watched{names: names, read: s, latest: s}
}

// changed looks again. It returns true, once, for a change that a second look
// finds as it is: whoever replaces files may write one after the other.
func (w *watched) changed() bool {
	now := look(w.names...)
	settled := now.same(w.latest)
	w.latest = now
	if !settled || now.same(w.read) {
		return false
	}
	w.read = now
	return true
}
