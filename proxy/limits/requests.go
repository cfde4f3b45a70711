package limits

import (
	"hash/maphash"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"usher/proxy/config"
	"usher/proxy/refusal"
)

// maxKept is how many buckets are kept: the longest quiet are forgotten.
const maxKept = 1_000_000

// Requests counts how often addresses ask.
type Requests struct {
	seed maphash.Seed // static, as is most
	most int          // buckets to keep

	// An address that asks is young; when half of all that are kept are, they
	// become the old, and the old before them are forgotten.
	mu         sync.Mutex
	young, old map[bucket]*rate.Limiter // guarded by mu
}

// bucket is one address at one rate, hashed: it takes a third of the room, and
// that two share one can be neither foreseen nor brought about.
type bucket uint64

// NewRequests returns one that knows nobody.
func NewRequests() *Requests { return &Requests{seed: maphash.MakeSeed(), most: maxKept} }

// Ask counts a request of client under route at now, or says that it is one too
// many. The request is not counted if unask is called, while it is still now.
func (t *Requests) Ask(q *config.Quota, route string, client netip.Addr, now time.Time) (unask func(), err error) {
	if q.Requests.Rate == 0 || !client.IsValid() || q.Exempts(client) {
		return func() {}, nil
	}
	l := t.limiter(q.Requests, route, client, now)
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	unask = func() { r.CancelAt(now) }
	if wait == 0 {
		return unask, nil
	}
	unask()
	e := refusal.New(http.StatusTooManyRequests, refusal.Rate, "too many requests of this address")
	e.Hint = "requests_per_address of limits; behind a load balancer, trusted_proxies"
	e.RetryAfter = strconv.Itoa(int(math.Ceil(wait.Seconds())))
	return nil, e
}

// limiter returns the client's, as q has it: a reload may have changed that.
func (t *Requests) limiter(q config.RequestRate, route string, client netip.Addr, now time.Time) *rate.Limiter {
	at := bucket(maphash.Comparable(t.seed, place{route: scope(route, q.Own), who: whoIs(client)}))
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.young[at]
	if l == nil {
		if l = t.old[at]; l == nil {
			l = rate.NewLimiter(rate.Limit(q.Rate), q.Burst)
		}
		t.keep(at, l)
	}
	if l.Limit() != rate.Limit(q.Rate) || l.Burst() != q.Burst {
		l.SetLimitAt(now, rate.Limit(q.Rate))
		l.SetBurstAt(now, q.Burst)
	}
	return l
}

// keep has a bucket be young. The caller holds mu.
func (t *Requests) keep(at bucket, l *rate.Limiter) {
	if t.young == nil || len(t.young) >= t.most/2 {
		t.old, t.young = t.young, make(map[bucket]*rate.Limiter)
	}
	t.young[at] = l
	delete(t.old, at)
}
