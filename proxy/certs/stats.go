package certs

import (
	"crypto/x509"
	"time"
)

// Stats is a certificate that usher has, or has yet to get.
type Stats struct {
	Name                string
	NotBefore, NotAfter time.Time // when it begins and ends; zero if there is none yet
}

// Stats returns those of the files and of the domains, by their first name; a
// local authority's are made when they are asked for, and need no watching.
func (k *Keeper) Stats() []Stats {
	if k == nil {
		return nil
	}
	var list []Stats
	for _, pair := range k.files.pairs() {
		list = append(list, Stats{Name: firstName(pair.Leaf), NotBefore: pair.Leaf.NotBefore, NotAfter: pair.Leaf.NotAfter})
	}
	if k.issued == nil || k.issued.cache == nil {
		return list
	}
	for _, name := range k.issued.domains {
		s := Stats{Name: name}
		for _, c := range k.issued.cache.AllMatchingCertificates(name) {
			if c.Leaf.NotAfter.After(s.NotAfter) {
				s.NotBefore, s.NotAfter = c.Leaf.NotBefore, c.Leaf.NotAfter
			}
		}
		list = append(list, s)
	}
	return list
}

func firstName(c *x509.Certificate) string {
	if len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	return c.Subject.CommonName
}
