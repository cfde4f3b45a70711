package watch

import (
	"io/fs"
	"os"
)

// seen is what a look at files that belong together finds: enough to know
// whether they are still the same. A missing file is nil.
type seen []fs.FileInfo

func look(names []string) seen {
	s := make(seen, len(names))
	for i, name := range names {
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
