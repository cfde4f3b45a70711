package certs

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync/atomic"

	"usher/proxy/config"
	"usher/proxy/watch"
)

// files are the pairs of PEM files that the routes file names.
type files struct {
	log     *slog.Logger
	list    []*pair
	current atomic.Pointer[[]*tls.Certificate] // in the order of the routes file
}

// pair is a certificate file and its key file.
type pair struct {
	config.Certificate
	cert, key string // where they are

	// owned by look once Start was called
	loaded *tls.Certificate
	look   *watch.Files
}

func openFiles(cfg *config.Config, log *slog.Logger) (*files, error) {
	f := &files{log: log}
	for _, c := range cfg.TLS.Certificates {
		p := &pair{Certificate: c, cert: cfg.Beside(c.Cert), key: cfg.Beside(c.Key)}
		p.look = watch.Look(p.cert, p.key)
		var err error
		if p.loaded, err = p.load(); err != nil {
			return nil, &config.Error{File: cfg.File, Position: c.Position, Text: fmt.Sprintf("certificate %q: %v", c.Cert, err)}
		}
		f.list = append(f.list, p)
	}
	f.publish()
	return f, nil
}

func (p *pair) load() (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, err
	}
	return &c, checkPrivate(p.key)
}

// pairs returns what the files hold now.
func (f *files) pairs() []*tls.Certificate { return *f.current.Load() }

func (f *files) publish() {
	all := make([]*tls.Certificate, 0, len(f.list))
	for _, p := range f.list {
		all = append(all, p.loaded)
	}
	f.current.Store(&all)
}

// look reads what has changed. Open sockets are not touched: a certificate counts
// when a client says hello.
func (f *files) look() {
	changed := false
	for _, p := range f.list {
		if !p.look.Changed() {
			continue
		}
		loaded, err := p.load()
		if err != nil {
			f.log.Error("certificate kept, the files that replace it are no pair", "certificate", p.cert, "key", p.key, "error", err)
			continue
		}
		p.loaded, changed = loaded, true
		f.log.Info("certificate read again", "certificate", p.cert, "names", loaded.Leaf.DNSNames, "not_after", loaded.Leaf.NotAfter)
	}
	if changed {
		f.publish()
	}
}
