// Package pages has the files whose content usher answers with. They are read
// again when they change.
package pages

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"usher/proxy/config"
	"usher/proxy/watch"
)

// most is how large a page may be: it is held in memory.
const most = 1 << 20

// Set is the pages of one routes file, by their names there.
type Set map[string]*Page

// Open reads all pages that cfg names. The error is config.Errors.
func Open(cfg *config.Config) (Set, error) {
	set := make(Set)
	var faults config.Errors
	add := func(key, name string, at config.Position) {
		if name == "" || set[name] != nil {
			return
		}
		page := &Page{name: cfg.Beside(name)}
		if err := page.read(); err != nil {
			faults = append(faults, &config.Error{File: cfg.File, Position: at, Text: key + ": " + err.Error()})
		}
		set[name] = page
	}
	errorPages(cfg.ErrorPages, add)
	for _, r := range cfg.Routes {
		errorPages(r.ErrorPages, add)
		if r.Respond != nil {
			add("file", r.Respond.File, r.Respond.FileAt)
		}
	}
	if len(faults) > 0 {
		return nil, faults.Sorted()
	}
	return set, nil
}

// errorPages adds them in the order of the file.
func errorPages(by config.ErrorPages, add func(key, name string, at config.Position)) {
	for _, status := range slices.Sorted(maps.Keys(by)) {
		add("error_pages", by[status].File, by[status].At)
	}
}

// Page is a file.
type Page struct {
	name string // static

	mu      sync.Mutex
	seen    os.FileInfo // when it was read; guarded by mu, as is content
	content []byte      // does not change
}

// Kind returns the page's media type, which its name tells.
func (p *Page) Kind() string {
	return cmp.Or(mime.TypeByExtension(filepath.Ext(p.name)), "application/octet-stream")
}

// Content returns the page, whose last good content stays if it cannot be read.
func (p *Page) Content() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now, err := os.Stat(p.name); err == nil && !watch.Same(now, p.seen) {
		_ = p.read() // there is what there was
	}
	return p.content
}

// read reads the file. The caller holds mu, or nobody else has the page.
func (p *Page) read() error {
	f, err := os.Open(p.name)
	if err != nil {
		return err
	}
	defer f.Close()
	seen, err := f.Stat()
	if err != nil {
		return err
	}
	if !seen.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", p.name)
	}
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return err
	}
	if len(content) > most {
		return fmt.Errorf("%s is larger than 1 MiB", p.name)
	}
	p.seen, p.content = seen, content
	return nil
}
