package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"usher/proxy/config"
	"usher/proxy/watch"
)

// ForUpstreams reads the files by which https endpoints are verified, and usher
// to them, and returns what differs from the usual, by the upstream's name. An
// error stands at the upstream's line in the routes file.
func ForUpstreams(cfg *config.Config) (map[string]*tls.Config, error) {
	all := make(map[string]*tls.Config)
	for _, u := range cfg.Upstreams {
		if u.TLS == (config.UpstreamTLS{}) {
			continue
		}
		c, err := forUpstream(cfg, u.TLS)
		if err != nil {
			return nil, &config.Error{File: cfg.File, Position: u.Position, Text: fmt.Sprintf("upstream %s: %v", u.Name, err)}
		}
		all[u.Name] = c
	}
	return all, nil
}

// ForRedis reads the files by which the Redis of cfg's fleet is verified, and
// usher to it. It returns nil if that has no TLS.
func ForRedis(cfg *config.Config) (*tls.Config, error) {
	if !cfg.Fleet.Redis.Secure {
		return nil, nil
	}
	c, err := forUpstream(cfg, cfg.Fleet.Redis.TLS)
	if err != nil {
		return nil, &config.Error{File: cfg.File, Position: cfg.Fleet.Position, Text: fmt.Sprintf("redis: %v", err)}
	}
	return c, nil
}

// LookAtUpstreams watches the files that ForUpstreams reads. It is to be called
// before.
func LookAtUpstreams(cfg *config.Config) *watch.Files {
	var names []string
	for _, u := range cfg.Upstreams {
		for _, name := range []string{u.TLS.CA, u.TLS.Cert, u.TLS.Key} {
			if name != "" {
				names = append(names, cfg.Beside(name))
			}
		}
	}
	return watch.Look(names...)
}

func forUpstream(cfg *config.Config, t config.UpstreamTLS) (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.CA != "" {
		var err error
		if c.RootCAs, err = readPool(cfg.Beside(t.CA)); err != nil {
			return nil, err
		}
	}
	if t.Cert != "" {
		p := &pair{cert: cfg.Beside(t.Cert), key: cfg.Beside(t.Key)}
		own, err := p.load()
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{*own}
	}
	return c, nil
}

// readPool returns the certificates of a PEM file.
func readPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%q has no certificate", file)
	}
	return pool, nil
}
