package certs

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"strings"

	"usher/proxy/config"
)

// Names returns those that clients of cfg's TLS listeners get a certificate for,
// as far as they are known before somebody asks (by on_demand). It reads the
// files that cfg names, and leaves out what Check finds wrong.
func Names(cfg *config.Config) []string {
	var list []string
	add := func(names ...string) {
		for _, name := range names {
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	for _, one := range cfg.TLS.Certificates {
		if leaf := leafOf(cfg, one); leaf != nil {
			add(namesOf(leaf)...)
		}
	}
	add(cfg.Issued()...)
	if cfg.TLS.Internal {
		add(localhost, "127.0.0.1", "::1")
	}
	return list
}

// leafOf returns the certificate in a file, nil if there is none to read.
func leafOf(cfg *config.Config, c config.Certificate) *x509.Certificate {
	text, err := os.ReadFile(cfg.Beside(c.Cert))
	if err != nil {
		return nil
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if isCertificate(block.Type) {
			leaf, _ := x509.ParseCertificate(block.Bytes)
			return leaf
		}
	}
	return nil
}

func namesOf(c *x509.Certificate) []string {
	list := make([]string, 0, len(c.DNSNames)+len(c.IPAddresses))
	for _, name := range c.DNSNames {
		list = append(list, strings.ToLower(name))
	}
	for _, a := range c.IPAddresses {
		list = append(list, a.String())
	}
	return list
}
