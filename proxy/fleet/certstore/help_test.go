package certstore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"usher/proxy/config"
	"usher/proxy/fleet/keys"
	"usher/proxy/fleet/redistest"
	"usher/proxy/fleet/store"
	"usher/proxy/leaktest"
)

const secret = "a secret of thirty-two bytes, or more"

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

// node is one of a fleet: its storage, and what lies below that.
type node struct {
	*Storage
	t      *testing.T
	folder *certmagic.FileStorage
	shared *cut
	log    *bytes.Buffer
}

// cut is a store that is away behind some calls. They are counted.
type cut struct {
	Shared
	calls, left atomic.Int64
}

const never = 1 << 40

func (c *cut) away() error {
	c.calls.Add(1)
	if c.left.Add(-1) < 0 {
		return store.ErrAway
	}
	return nil
}

func (c *cut) Read(ctx context.Context, name string) (store.File, error) {
	if err := c.away(); err != nil {
		return store.File{}, err
	}
	return c.Shared.Read(ctx, name)
}

func (c *cut) Write(ctx context.Context, name string, value []byte, size int, g store.Guard) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Shared.Write(ctx, name, value, size, g)
}

func (c *cut) Remove(ctx context.Context, name string, g store.Guard) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Shared.Remove(ctx, name, g)
}

func (c *cut) Names(ctx context.Context, folder string) ([]string, error) {
	if err := c.away(); err != nil {
		return nil, err
	}
	return c.Shared.Names(ctx, folder)
}

func (c *cut) Lock(ctx context.Context, name, token string) (bool, error) {
	if err := c.away(); err != nil {
		return false, err
	}
	return c.Shared.Lock(ctx, name, token)
}

func (c *cut) Keep(ctx context.Context, name, token string) (bool, error) {
	if err := c.away(); err != nil {
		return false, err
	}
	return c.Shared.Keep(ctx, name, token)
}

func (c *cut) Unlock(ctx context.Context, name, token string) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Shared.Unlock(ctx, name, token)
}

func (c *cut) Age(ctx context.Context) (string, error) {
	if err := c.away(); err != nil {
		return "", err
	}
	return c.Shared.Age(ctx)
}

func (c *cut) Renew(ctx context.Context, age string) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Shared.Renew(ctx, age)
}

func newTestNode(t *testing.T, redis *redistest.Server, secrets ...string) *node {
	t.Helper()
	return openTestNode(t, redis, t.TempDir(), secrets...)
}

func openTestNode(t *testing.T, redis *redistest.Server, dir string, secrets ...string) *node {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []string{secret}
	}
	n := &node{t: t, folder: &certmagic.FileStorage{Path: dir}, log: new(bytes.Buffer)}
	s := store.New(config.Redis{Kind: config.RedisServer, Addresses: []string{redis.Address}}, "edge", nil, slog.New(slog.DiscardHandler))
	t.Cleanup(s.Close)
	n.shared = &cut{Shared: s}
	n.shared.left.Store(never)
	n.Storage = New(n.folder, n.shared, keys.New(secrets), slog.New(slog.NewTextHandler(n.log, nil)))
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantFile checks what is read.
func (n *node) wantFile(name, want string) {
	n.t.Helper()
	if got, err := n.Load(n.t.Context(), name); err != nil || string(got) != want {
		n.t.Errorf("%s: got %.40q, %v, want %.40q", name, got, err, want)
	}
}

func (n *node) wantNone(name string) {
	n.t.Helper()
	if got, err := n.Load(n.t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
		n.t.Errorf("%s: got %.40q, %v, want fs.ErrNotExist", name, got, err)
	}
	if n.Exists(n.t.Context(), name) {
		n.t.Errorf("%s: got one that exists", name)
	}
}

// site is what certmagic keeps for one name.
type site struct{ dir, key, crt, json string }

func siteOf(name string) string { return "certificates/issuer/" + name + "/" + name }

// newTestSite makes a certificate that ends then.
func newTestSite(t *testing.T, name string, end time.Time) site {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(end.Unix()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: end.Add(-90 * 24 * time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return site{
		dir: siteOf(name), json: `{"sans":["` + name + `"]}`,
		key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		crt: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	}
}

// files are those of a site, in the order in which certmagic writes them.
func (s site) files() [][2]string {
	return [][2]string{{s.dir + ".key", s.key}, {s.dir + ".crt", s.crt}, {s.dir + ".json", s.json}}
}

// issue stores a site as certmagic does.
func (n *node) issue(s site) {
	n.t.Helper()
	lock := issueLock + s.dir[strings.LastIndexByte(s.dir, '/')+1:]
	must(n.t, n.Lock(n.t.Context(), lock))
	for _, f := range s.files() {
		must(n.t, n.Store(n.t.Context(), f[0], []byte(f[1])))
	}
	must(n.t, n.Unlock(n.t.Context(), lock))
}

func (n *node) wantSite(s site) {
	n.t.Helper()
	for _, f := range s.files() {
		n.wantFile(f[0], f[1])
		if !n.Exists(n.t.Context(), f[0]) {
			n.t.Errorf("%s: got none that exists", f[0])
		}
	}
}
