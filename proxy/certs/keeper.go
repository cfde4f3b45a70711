// Package certs gives the listeners their certificates: from files, from a
// local authority or from a public one. It is the one package that knows
// certmagic.
package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"usher/proxy/config"
)

// Keeper has the certificates of one routes file and keeps them fresh.
type Keeper struct {
	// static after construction
	log    *slog.Logger
	files  *files
	leaves *leaves // nil without a local authority
}

// Open reads or makes what cfg's listeners need to begin with. It returns nil
// if cfg has no TLS listener. An error about a file stands at its line in the
// routes file.
func Open(cfg *config.Config, log *slog.Logger) (*Keeper, error) {
	if !slices.ContainsFunc(cfg.Listen, func(l config.Listener) bool { return l.TLS }) {
		return nil, nil
	}
	if len(cfg.TLS.Domains) > 0 && !cfg.TLS.Internal {
		return nil, fmt.Errorf("%s: tls.domains needs tls.internal: true", cfg.File)
	}
	k := &Keeper{log: log}
	err := checkStorage(beside(cfg, cfg.TLS.Storage))
	if err != nil {
		return nil, err
	}
	if k.files, err = openFiles(cfg, log); err != nil {
		return nil, err
	}
	if cfg.TLS.Internal {
		authority, err := OpenAuthority(cfg)
		if err != nil {
			return nil, err
		}
		k.leaves = newLeaves(authority, cfg.TLS.Domains)
	}
	return k, nil
}

// Config returns the TLS side of a listener.
func (k *Keeper) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: k.certificate,
		// WebSocket runs over HTTP/1.1 here, and a client that was offered h2
		// would take it for everything.
		NextProtos: []string{"http/1.1"},
		// The relay passes whole read buffers on: small first records would
		// only cost it system calls.
		DynamicRecordSizingDisabled: true,
	}
}

// Run keeps the certificates fresh until ctx is done.
func (k *Keeper) Run(ctx context.Context) {
	k.files.watch(ctx)
}

// certificate answers a client's hello. Files of one's own come first; the
// first of them is also for who asks for nothing that is known.
func (k *Keeper) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	pairs := k.files.pairs()
	for _, pair := range pairs {
		if hello.SupportsCertificate(pair) == nil {
			return pair, nil
		}
	}
	name := strings.TrimSuffix(strings.ToLower(hello.ServerName), ".")
	if k.leaves != nil {
		if leaf, err := k.leaves.get(name); leaf != nil || err != nil {
			return leaf, err
		}
	}
	if len(pairs) > 0 {
		return pairs[0], nil
	}
	return nil, fmt.Errorf("no certificate for %q", cmp.Or(name, "a client without a server name"))
}

// beside resolves a name that stands in the routes file.
func beside(cfg *config.Config, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(cfg.File), name)
}
