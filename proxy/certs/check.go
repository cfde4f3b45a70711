package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"usher/proxy/config"
)

// Check reads the files that cfg names and returns what is wrong with them, each
// fault where the routes file has the name. It makes and keeps nothing.
func Check(cfg *config.Config) config.Errors {
	c := checker{cfg: cfg}
	for _, l := range cfg.Listen {
		c.authority("client_ca", l.ClientCA, l.ClientCAAt)
	}
	for _, one := range cfg.TLS.Certificates {
		c.pair(one)
	}
	c.authority("ca_root", cfg.TLS.ACME.Root, cfg.TLS.ACME.RootAt)
	for _, u := range cfg.Upstreams {
		c.peer(u.TLS)
	}
	c.peer(cfg.Fleet.Redis.TLS)
	return c.faults.Sorted()
}

// peer checks the files for servers that usher is a client of.
func (c *checker) peer(t config.UpstreamTLS) {
	c.authority("ca", t.CA, t.CAAt)
	if t.Cert != "" {
		c.pair(config.Certificate{Cert: t.Cert, Key: t.Key, CertAt: t.CertAt, KeyAt: t.KeyAt})
	}
}

// All returns what Check finds, if err, of Open or ForUpstreams, is about one of
// these files: they end at the first. Any other err stays.
func All(cfg *config.Config, err error) error {
	if _, ok := errors.AsType[*config.Error](err); !ok {
		return err
	}
	if faults := Check(cfg); len(faults) > 0 {
		return faults
	}
	return err // the file is good by now
}

// checker collects the faults of the files that cfg names.
type checker struct {
	cfg    *config.Config
	faults config.Errors
}

func (c *checker) fault(at config.Position, key string, err error) {
	c.faults = append(c.faults, &config.Error{File: c.cfg.File, Position: at, Text: key + ": " + err.Error()})
}

// authority checks the file of a key that need not be there.
func (c *checker) authority(key, name string, at config.Position) {
	if name == "" {
		return
	}
	if _, err := readPool(c.cfg.Beside(name)); err != nil {
		c.fault(at, key, err)
	}
}

// pair checks a certificate, its key, and whether they belong together.
func (c *checker) pair(p config.Certificate) {
	cert, leaf := c.read(p.CertAt, "cert", p.Cert, "certificate", isCertificate)
	if leaf != nil {
		if _, err := x509.ParseCertificate(leaf.Bytes); err != nil {
			c.fault(p.CertAt, "cert", fmt.Errorf("%q: %w", p.Cert, err))
			leaf = nil
		}
	}
	key, secret := c.read(p.KeyAt, "key", p.Key, "private key", isPrivateKey)
	if secret == nil {
		return
	}
	if err := checkPrivate(c.cfg.Beside(p.Key)); err != nil {
		c.fault(p.KeyAt, "key", err)
	}
	if leaf == nil {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		c.fault(p.KeyAt, "key", fmt.Errorf("%q is no key of certificate %q: %w", p.Key, p.Cert, err))
	}
}

// read returns the text of a PEM file, and the first of its blocks that is
// wanted; nil if there is a fault, which is noted.
func (c *checker) read(at config.Position, key, name, what string, wanted func(kind string) bool) ([]byte, *pem.Block) {
	text, err := os.ReadFile(c.cfg.Beside(name))
	if err != nil {
		c.fault(at, key, err)
		return nil, nil
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if wanted(block.Type) {
			return text, block
		}
	}
	c.fault(at, key, fmt.Errorf("%q has no %s", name, what))
	return nil, nil
}

func isCertificate(kind string) bool { return kind == "CERTIFICATE" }

// isPrivateKey says so of "EC PRIVATE KEY" too.
func isPrivateKey(kind string) bool {
	return kind == "PRIVATE KEY" || strings.HasSuffix(kind, " PRIVATE KEY")
}
