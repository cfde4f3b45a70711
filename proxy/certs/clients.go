package certs

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"sync/atomic"

	"usher/proxy/config"
	"usher/proxy/watch"
)

// clients are the authorities whose certificates let clients in, by the name
// of their file in the routes file.
type clients struct {
	log *slog.Logger
	all map[string]*clientCA
}

// clientCA is the PEM file of one.
type clientCA struct {
	file    string
	look    *watch.Files
	current atomic.Pointer[x509.CertPool] // what the file held when it was good
}

func openClients(cfg *config.Config, log *slog.Logger) (*clients, error) {
	c := &clients{log: log, all: make(map[string]*clientCA)}
	for _, l := range cfg.Listen {
		if l.ClientCA == "" || c.all[l.ClientCA] != nil {
			continue
		}
		ca := &clientCA{file: cfg.Beside(l.ClientCA)}
		ca.look = watch.Look(ca.file)
		pool, err := readPool(ca.file)
		if err != nil {
			return nil, &config.Error{File: cfg.File, Position: l.Position, Text: "client_ca: " + err.Error()}
		}
		ca.current.Store(pool)
		c.all[l.ClientCA] = ca
	}
	return c, nil
}

// look reads what has changed.
func (c *clients) look() {
	for _, ca := range c.all {
		if !ca.look.Changed() {
			continue
		}
		pool, err := readPool(ca.file)
		if err != nil {
			c.log.Error("authority of clients kept, the file that replaces it is none", "client_ca", ca.file, "error", err)
			continue
		}
		ca.current.Store(pool)
		c.log.Info("authority of clients read again", "client_ca", ca.file)
	}
}

// verify lets nobody in but clients with a certificate of their own, and an
// authority that asks by TLS-ALPN-01: it has none, and gets no further.
func (ca *clientCA) verify(c *tls.Config) {
	challenge := c.Clone()
	challenge.NextProtos = []string{challengeProtocol}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ca.current.Load()
	base := c.Clone()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if isChallenge(hello) {
			return challenge, nil
		}
		now := ca.current.Load()
		if now == base.ClientCAs {
			return nil, nil
		}
		// crypto/tls has it use the listener's session tickets, and looks at a
		// client that resumes a session as at one that begins it.
		changed := base.Clone()
		changed.ClientCAs = now
		return changed, nil
	}
}
