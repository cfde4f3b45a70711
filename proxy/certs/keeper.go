// Package certs gives the listeners their certificates: from files, from a
// local authority or from a public one. It is the one package that knows
// certmagic.
package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"usher/proxy/config"
	"usher/proxy/fleet/certstore"
	"usher/proxy/fleet/keys"
	"usher/proxy/watch"
)

// challengeProtocol is what an authority offers, alone, when it asks by
// TLS-ALPN-01 (RFC 8737, 3).
const challengeProtocol = "acme-tls/1"

// suites are those of TLS 1.2: forward secrecy, and none with CBC (RFC 9325,
// 4.2). Every client since 2014 has one of them. TLS 1.3 has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Keeper has the certificates of one routes file and keeps them fresh.
type Keeper struct {
	// RenewInterval is how often it is looked which certificates are to be
	// renewed; every ten minutes if zero. It may be set until Start.
	RenewInterval time.Duration

	// static after construction
	files  *files
	leaves *leaves // nil without a local authority
	issued *issued // nil without ACME

	clients *clients

	cancel  context.CancelFunc // set by Start
	keeping sync.WaitGroup
}

// Open reads or makes what cfg's listeners need to begin with. It returns nil
// if cfg has no TLS listener. An error about a file stands at its line in the
// routes file.
func Open(cfg *config.Config, log *slog.Logger) (*Keeper, error) {
	if !slices.ContainsFunc(cfg.Listen, func(l config.Listener) bool { return l.TLS }) {
		return nil, nil
	}
	err := checkStorage(cfg.Beside(cfg.TLS.Storage))
	if err != nil {
		return nil, err
	}
	k := &Keeper{}
	if k.clients, err = openClients(cfg, log); err != nil {
		return nil, err
	}
	if k.files, err = openFiles(cfg, log); err != nil {
		return nil, err
	}
	switch {
	case cfg.TLS.Internal:
		authority, err := OpenAuthority(cfg)
		if err != nil {
			return nil, err
		}
		k.leaves = newLeaves(authority, cfg.Issued())
	case len(cfg.TLS.Domains) > 0 || cfg.TLS.Ask != "":
		if k.issued, err = newIssued(cfg, log); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Share has the certificates that an authority issues be those of a fleet. It may
// be called until Start.
func (k *Keeper) Share(with certstore.Shared, ring *keys.Ring) {
	if k != nil && k.issued != nil {
		k.issued.share(with, ring)
	}
}

// Config returns the TLS side of a listener.
func (k *Keeper) Config(l config.Listener) *tls.Config {
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   suites,
		GetCertificate: k.certificate,
		// Browsers take h2 for pages, and HTTP/1.1, which is all that they offer
		// then, for WebSocket.
		NextProtos: []string{"h2", "http/1.1"},
		// The relay passes whole read buffers on: small first records would
		// only cost it system calls.
		DynamicRecordSizingDisabled: true,
	}
	if k.issued != nil {
		c.NextProtos = append(c.NextProtos, challengeProtocol)
	}
	if l.ClientCA != "" {
		k.clients.all[l.ClientCA].verify(c)
	}
	return c
}

// Start begins to keep the certificates fresh. It is called once, before the
// first client comes. plain and secure are where a client without and with TLS
// would come, and an authority with its challenges; nil if that is nowhere.
func (k *Keeper) Start(plain, secure net.Addr) error {
	ctx, cancel := context.WithCancel(context.Background())
	if k.issued != nil {
		if err := k.issued.start(ctx, plain, secure, k.RenewInterval); err != nil {
			cancel()
			return err
		}
	}
	k.cancel = cancel
	if len(k.files.list)+len(k.clients.all) > 0 {
		k.keeping.Go(func() { watch.Run(ctx, k.look) })
	}
	return nil
}

// look reads what has changed.
func (k *Keeper) look() {
	k.files.look()
	k.clients.look()
}

// Stop ends what Start began. No client comes any more.
func (k *Keeper) Stop() {
	k.cancel()
	k.keeping.Wait()
	if k.issued != nil {
		k.issued.stop()
	}
}

// Challenge answers r if it is the question of an authority by HTTP-01, or looks
// like one about a name that usher has certificates for.
func (k *Keeper) Challenge(w http.ResponseWriter, r *http.Request) bool {
	return k.issued != nil && k.issued.challenge(w, r)
}

// IsChallenge says whether a connection was made to ask by TLS-ALPN-01: it has
// no other use, and the certificate proves nothing to anybody else.
func IsChallenge(s tls.ConnectionState) bool { return s.NegotiatedProtocol == challengeProtocol }

func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == challengeProtocol
}

// ErrNone is why a handshake fails whose client has asked for a name without a
// certificate.
var ErrNone = errors.New("no certificate")

// certificate answers a client's hello. An error is ErrNone.
func (k *Keeper) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := hostName(hello.ServerName)
	pair, err := k.choose(hello, name)
	whom := strconv.Quote(name)
	if name == "" {
		whom = "a client without a server name"
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w for %s: %w", ErrNone, whom, err)
	case pair == nil:
		return nil, fmt.Errorf("%w for %s", ErrNone, whom)
	}
	return pair, nil
}

// choose returns the certificate for name, nil for none. Files of one's own come
// first; the first of them is also for who asks for nothing that is known.
func (k *Keeper) choose(hello *tls.ClientHelloInfo, name string) (*tls.Certificate, error) {
	listed := k.issued != nil && k.issued.has(name)
	if isChallenge(hello) {
		if !listed {
			return nil, errNoChallenge
		}
		return k.issued.certificate(hello, name)
	}
	pairs := k.files.pairs()
	for _, pair := range pairs {
		if hello.SupportsCertificate(pair) == nil {
			return pair, nil
		}
	}
	if listed {
		return k.issued.certificate(hello, name)
	}
	if k.leaves != nil {
		if leaf, err := k.leaves.get(name); leaf != nil || err != nil {
			return leaf, err
		}
	}
	if len(pairs) > 0 {
		return pairs[0], nil
	}
	return nil, nil
}

// hostName is the normal form of the name in a hello or a Host header.
func hostName(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	return strings.TrimSuffix(strings.ToLower(s), ".")
}
