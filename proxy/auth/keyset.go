package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	neturl "net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	staleAfter = 5 * time.Minute  // a key set is read again behind the scenes
	missGap    = 10 * time.Second // from one reading for a key that is not there to the next
	firstGap   = time.Second      // likewise before there is a set at all
	mostKeySet = 1 << 20          // bytes
	mostTried  = 8                // keys, for a token that names none
)

// errNoKeys is why no token can be judged.
var errNoKeys = errors.New("no key set yet")

// keySource is where a key set comes from: its URL, or the issuer whose discovery
// document has that.
type keySource struct {
	url      string
	discover bool
}

// keySet is one that is fetched (RFC 7517). The last good one stays.
type keySet struct {
	keySource
	keep *Keeper
	have atomic.Pointer[fetched] // nil before the first

	outage outage

	mu    sync.Mutex
	tried time.Time     // guarded by mu: when it was last asked for
	ready chan struct{} // guarded by mu: closed when that is over; nil if it is
	err   error         // guarded by mu: what came of the last time
	fails uint64        // guarded by mu
}

// fetched is what came.
type fetched struct {
	keys []namedKey
	at   time.Time
}

// keys returns the set of a source, which others may have too.
func (k *Keeper) keys(url string, discover bool) keys {
	k.mu.Lock()
	defer k.mu.Unlock()
	from := keySource{url, discover}
	s := k.sets[from]
	if s == nil {
		s = &keySet{keySource: from, keep: k}
		k.sets[from] = s
	}
	return s
}

func (s *keySet) find(kid, algorithm string, now time.Time) (list []namedKey, wait bool) {
	have := s.have.Load()
	if have == nil {
		return nil, true
	}
	if now.Sub(have.at) > staleAfter {
		s.refresh(now, missGap)
	}
	list = pick(have.keys, kid, algorithm)
	return list, len(list) == 0
}

// pick returns the keys of a set that a token may be signed with.
func pick(keys []namedKey, kid, algorithm string) (list []namedKey) {
	for _, k := range keys {
		if (kid == "" || k.KeyID == kid) && (k.Algorithm == "" || k.Algorithm == algorithm) && len(list) < mostTried {
			list = append(list, k)
		}
	}
	return list
}

// refresh has the set come once more, unless it was asked for within gap. It
// returns what is closed when that is over, nil if it is not under way.
func (s *keySet) refresh(now time.Time, gap time.Duration) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready != nil {
		return s.ready
	}
	if now.Sub(s.tried) < gap {
		return nil
	}
	ready := make(chan struct{})
	s.tried, s.ready = now, ready
	go s.renew(now) // ends in time
	return ready
}

func (s *keySet) fetch(ctx context.Context, now time.Time) error {
	gap := missGap
	if s.have.Load() == nil {
		gap = firstGap
	}
	if ready := s.refresh(now, gap); ready != nil {
		select {
		case <-ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if s.have.Load() != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(errNoKeys, s.err)
}

// renew fetches the set.
func (s *keySet) renew(now time.Time) {
	ctx, cancel := context.WithTimeout(s.keep.ctx, fetching)
	defer cancel()
	list, err := s.load(ctx)
	if err == nil {
		s.have.Store(&fetched{list, now})
		s.outage.keeps()
		s.keep.noteRenewed()
	} else {
		s.keep.log.Warn("key set not read", "url", shown(s.url), "kept", s.have.Load() != nil, "error", err)
	}
	s.outage.note(err, slog.New(slog.DiscardHandler), "") // the log has each time
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err != nil {
		s.fails++
	}
	close(s.ready)
	s.ready = nil
}

func (s *keySet) load(ctx context.Context) ([]namedKey, error) {
	at := s.url
	if s.discover {
		var doc struct {
			Issuer string `json:"issuer"`
			JWKS   string `json:"jwks_uri"`
		}
		if err := s.get(ctx, strings.TrimSuffix(s.url, "/")+"/.well-known/openid-configuration", &doc); err != nil {
			return nil, err
		}
		if doc.Issuer != s.url || doc.JWKS == "" {
			return nil, fmt.Errorf("the discovery document is of %q and has key set %q", doc.Issuer, doc.JWKS)
		}
		at = doc.JWKS
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := s.get(ctx, at, &set); err != nil {
		return nil, err
	}
	var list []namedKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		// A set may have keys of kinds that nobody here knows (RFC 7517, 5).
		if json.Unmarshal(raw, &k) == nil && k.IsPublic() && k.Valid() && (k.Use == "" || k.Use == "sig") {
			list = append(list, namedKey{k, s.nameOf(&k)})
		}
	}
	if len(list) == 0 {
		return nil, errors.New("the key set has no public key that can be used")
	}
	return slices.Clip(list), nil
}

// shown is a URL as it may be told: its query may hold a secret.
func shown(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return url
}

// get fetches a document.
func (s *keySet) get(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	res, err := s.keep.web.Do(r)
	if failed, ok := errors.AsType[*neturl.Error](err); ok {
		return fmt.Errorf("%s: %w", shown(url), failed.Err)
	} else if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered with status %d", shown(url), res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostKeySet+1))
	if err != nil {
		return err
	}
	if len(body) > mostKeySet {
		return fmt.Errorf("%s answered with more than 1 MiB", shown(url))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", shown(url), err)
	}
	return nil
}

// KeyAge is how old a key set is, and how often it could not be read.
type KeyAge struct {
	URL   string        // without its query, which may hold a secret
	Age   time.Duration // negative before there is one
	Fails uint64
}

// KeyAges returns those of all key sets that are fetched.
func (k *Keeper) KeyAges(now time.Time) (list []KeyAge) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for from, s := range k.sets {
		age := KeyAge{URL: shown(from.url), Age: -1}
		if have := s.have.Load(); have != nil {
			age.Age = now.Sub(have.at)
		}
		s.mu.Lock()
		age.Fails = s.fails
		s.mu.Unlock()
		list = append(list, age)
	}
	return list
}
