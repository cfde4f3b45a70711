package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"usher/proxy/config"
	"usher/proxy/fleet/certstore"
	"usher/proxy/fleet/keys"
)

const (
	// loadTimeout bounds the wait for what is stored: it should be there at
	// once, but certmagic may ask a server about it.
	loadTimeout  = 5 * time.Second
	loadInterval = 2 * time.Millisecond
)

// issued are the certificates that an authority issues by ACME (RFC 8555).
type issued struct {
	// static after construction
	domains []string
	storage certmagic.Storage
	locks   *storage // what storage is, in the end
	slog    *slog.Logger
	acme    config.ACME
	roots   *x509.CertPool // nil for the system's
	log     *zap.Logger
	asker   *asker  // nil without on_demand
	lookups *bucket // into the storage, for challenges that another process may have begun
	demands *bucket // likewise, of names that are not listed

	shared *certstore.Storage // what storage is, in a fleet; nil without

	// static after start
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
	demand *certmagic.Config // for names that are not listed; nil without on_demand

	keeping sync.WaitGroup // of what is shared
	cancel  context.CancelFunc
}

func newIssued(cfg *config.Config, log *slog.Logger) (*issued, error) {
	folder := newStorage(cfg.Beside(cfg.TLS.Storage))
	i := &issued{
		domains: cfg.TLS.Domains, storage: folder, locks: folder, slog: log, acme: cfg.TLS.ACME,
		log: zapLogger(log), lookups: newBucket(lookupRate, lookupBurst), demands: newBucket(lookupRate, lookupBurst),
	}
	if i.acme.Root != "" {
		var err error
		if i.roots, err = readPool(cfg.Beside(i.acme.Root)); err != nil {
			return nil, &config.Error{File: cfg.File, Position: i.acme.RootAt, Text: "ca_root: " + err.Error()}
		}
	}
	if cfg.TLS.Ask != "" {
		i.asker = newAsker(cfg.TLS.Ask)
	}
	return i, nil
}

// share has the storage be that of a fleet; the folder is this node's copy.
func (i *issued) share(with certstore.Shared, ring *keys.Ring) {
	i.shared = certstore.New(i.locks, with, ring, i.slog)
	i.storage = i.shared
}

// keepShared begins to keep what is shared.
func (i *issued) keepShared(ctx context.Context) {
	ctx, i.cancel = context.WithCancel(ctx)
	if i.shared != nil {
		i.keeping.Go(func() { i.shared.Run(ctx) })
	}
}

// start takes what the storage has and orders the rest, in goroutines that end
// with ctx.
func (i *issued) start(ctx context.Context, plain, secure net.Addr, renewInterval time.Duration) error {
	if i.shared != nil {
		// Nobody waits for the orders. All nodes see at the same moment that one
		// is due: it is made by one, and with luck before the others look.
		ctx = certstore.Patient(ctx)
		renewInterval = cmp.Or(renewInterval, certmagic.DefaultRenewCheckInterval)
		renewInterval += rand.N(renewInterval/10 + 1)
	}
	i.keepShared(ctx)
	i.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   i.configFor,
		Logger:             i.log,
		RenewCheckInterval: renewInterval,
	})
	i.magic = certmagic.New(i.cache, certmagic.Config{
		Storage: i.storage,
		Logger:  i.log,
	})
	i.issuer = certmagic.NewACMEIssuer(i.magic, i.template(plain, secure))
	i.magic.Issuers = []certmagic.Issuer{i.issuer}
	if i.asker != nil {
		i.demand = certmagic.New(i.cache, certmagic.Config{
			Storage: i.storage, Logger: i.log,
			OnDemand: &certmagic.OnDemandConfig{DecisionFunc: i.asker.allow},
			OnEvent:  i.asker.onEvent,
		})
		i.demand.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(i.demand, i.template(plain, secure))}
	}
	if err := i.magic.ManageAsync(ctx, i.domains); err != nil {
		i.stop()
		return fmt.Errorf("certificates in %v: %w", i.storage, err)
	}
	i.awaitStored(ctx)
	return nil
}

// awaitStored waits for what the storage has, which certmagic loads in the
// background: the first client after a restart wants it.
func (i *issued) awaitStored(ctx context.Context) {
	end := time.Now().Add(loadTimeout)
	for _, name := range i.domains {
		if !i.storage.Exists(ctx, certmagic.StorageKeys.SiteCert(i.issuer.IssuerKey(), name)) {
			continue
		}
		for len(i.cache.AllMatchingCertificates(name)) == 0 && time.Now().Before(end) {
			time.Sleep(loadInterval)
		}
	}
}

// template says how to talk to the authority, and where its challenges arrive:
// certmagic must find these ports taken, or it would listen on its own.
func (i *issued) template(plain, secure net.Addr) certmagic.ACMEIssuer {
	a := certmagic.ACMEIssuer{
		CA:             i.acme.Directory,
		Email:          i.acme.Email,
		Agreed:         true, // who names domains in the routes file does
		TrustedRoots:   i.roots,
		Logger:         i.log,
		AltHTTPPort:    port(plain),
		AltTLSALPNPort: port(secure),
		ListenHost:     host(secure),

		DisableHTTPChallenge:    plain == nil,
		DisableTLSALPNChallenge: secure == nil,
	}
	switch {
	case i.acme.Staging:
		a.CA = certmagic.LetsEncryptStagingCA
	case a.CA == "":
		a.CA, a.TestCA = certmagic.LetsEncryptProductionCA, certmagic.LetsEncryptStagingCA
	}
	if e := i.acme.ExternalAccount; e.KeyID != "" {
		a.ExternalAccount = &acme.EAB{KeyID: e.KeyID, MACKey: e.MACKey}
	}
	return a
}

func port(a net.Addr) int {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}

func host(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
		return tcp.IP.String()
	}
	return ""
}

// stop ends what start began; its context is over.
func (i *issued) stop() {
	i.cache.Stop()
	i.locks.release(i.slog)
	i.cancel()
	i.keeping.Wait()
}

// configFor is certmagic's hook: who keeps a certificate fresh.
func (i *issued) configFor(c certmagic.Certificate) (*certmagic.Config, error) {
	if i.demand != nil && len(c.Names) > 0 && !slices.Contains(i.domains, c.Names[0]) {
		return i.demand, nil
	}
	return i.magic, nil
}

// has says whether name is listed, or may be allowed on demand.
func (i *issued) has(name string) bool {
	return slices.Contains(i.domains, name) || i.asker != nil && isPublicName(name)
}

var errNoChallenge = errors.New("no challenge is expected for this name")

// certificate returns the one for a listed name. name is that of the hello in
// its normal form.
func (i *issued) certificate(hello *tls.ClientHelloInfo, name string) (*tls.Certificate, error) {
	if isChallenge(hello) && !i.expects(name) {
		return nil, errNoChallenge
	}
	normal := *hello
	normal.ServerName = name
	defer pauseOf(hello.Context())()
	if !slices.Contains(i.domains, name) {
		return i.demand.GetCertificateWithContext(hello.Context(), &normal)
	}
	return i.magic.GetCertificateWithContext(hello.Context(), &normal)
}

// challenge answers an authority's question by HTTP-01, if r is one about a
// name that is listed.
func (i *issued) challenge(w http.ResponseWriter, r *http.Request) bool {
	if !certmagic.LooksLikeHTTPChallenge(r) {
		return false
	}
	name := hostName(r.Host)
	if !i.has(name) {
		return false
	}
	if i.expects(name) && i.issuer.HandleHTTPChallenge(w, r) {
		return true
	}
	http.Error(w, strconv.Itoa(http.StatusNotFound)+" "+http.StatusText(http.StatusNotFound)+": "+errNoChallenge.Error(), http.StatusNotFound)
	return true
}

// expects says whether a challenge may be about to be answered: this process
// has begun it, or another may have, which the storage tells. Anybody can ask
// that, so it is not looked up more often than a bucket allows.
func (i *issued) expects(name string) bool {
	if _, ok := certmagic.GetACMEChallenge(name); ok {
		return true
	}
	bucket := i.demands
	if slices.Contains(i.domains, name) {
		bucket = i.lookups
	}
	return i.has(name) && bucket.take(time.Now())
}
