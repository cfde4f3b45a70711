// Package certs gives the listeners their certificates.
package certs

import (
	"crypto/tls"
	"fmt"
	"path/filepath"

	"usher/proxy/config"
)

// Load reads the certificate files that cfg names and returns the TLS side of
// its listeners; nil, if cfg has no TLS listener. An error stands at the
// certificate's line in the routes file.
func Load(cfg *config.Config) (*tls.Config, error) {
	if !wanted(cfg.Listen) {
		return nil, nil
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// WebSocket runs over HTTP/1.1 here, and a client that was offered h2
		// would take it for everything.
		NextProtos: []string{"http/1.1"},
		// The relay passes whole read buffers on: small first records would
		// only cost it system calls.
		DynamicRecordSizingDisabled: true,
	}
	for _, files := range cfg.TLS.Certificates {
		pair, err := tls.LoadX509KeyPair(besideRoutes(cfg.File, files.Cert), besideRoutes(cfg.File, files.Key))
		if err != nil {
			return nil, &config.Error{File: cfg.File, Position: files.Position, Text: fmt.Sprintf("certificate %q: %v", files.Cert, err)}
		}
		c.Certificates = append(c.Certificates, pair)
	}
	if len(c.Certificates) == 0 {
		return nil, fmt.Errorf("%s: a listener wants tls, but tls.certificates names none", cfg.File)
	}
	return c, nil
}

func wanted(listen []config.Listener) bool {
	for _, l := range listen {
		if l.TLS {
			return true
		}
	}
	return false
}

// besideRoutes resolves a name that stands in the routes file.
func besideRoutes(routes, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(routes), name)
}
