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
		if (a == nil) != (b == nil) || a != nil && !Same(a, b) {
			return false
		}
	}
	return true
}

// Same tells whether two looks at a name have found the same file as it was. Files
// are replaced by a rename, or by turning a link to a folder.
func Same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}
