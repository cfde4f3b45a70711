package certs

import (
	"io/fs"
	"os"
)

// seen is what a look at the files of a pair finds: enough to know whether they
// are still the same. A missing file is nil.
type seen [2]fs.FileInfo

func look(cert, key string) seen {
	var s seen
	for i, name := range []string{cert, key} {
		if info, err := os.Stat(name); err == nil {
			s[i] = info
		}
	}
	return s
}

func (s seen) same(other seen) bool {
	for i, a := range s {
		b := other[i]
		if (a == nil) != (b == nil) {
			return false
		}
		// Files are replaced by a rename, or by turning a link to a folder.
		if a != nil && (!os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) || a.Mode() != b.Mode()) {
			return false
		}
	}
	return true
}
