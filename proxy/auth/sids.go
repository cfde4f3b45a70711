package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"slices"
	"sync"
	"time"

	"usher/proxy/headers"
	"usher/proxy/refusal"
)

// SID is that of an Engine.IO session which an upstream keeps, and where a request has
// come with it.
type SID struct{ Upstream, Route, Path, SID string }

// known is what a session is found by: an upstream takes a sid by whatever route.
type known struct{ upstream, sid string }

func (at SID) known() known { return known{at.Upstream, at.SID} }

// SIDs are the sessions that were given a sid under a route with auth, and who began
// them: the sid stands for what was shown then. Those whose sid was used least
// recently are forgotten first; what comes with it then is judged by itself. It may
// be used by anybody; nil knows none.
type SIDs struct {
	mu         sync.Mutex
	young, old map[known]*Begun // guarded by mu
	size       int              // of young, about; guarded by mu
}

// mostSIDs is how many bytes the young may have, and the old.
const mostSIDs = 16 << 20

// Begun is such a session.
type Begun struct {
	at   SID // static: where it has begun
	size int // static: about how much memory it takes

	mu    sync.Mutex
	grant Grant             // guarded by mu
	shown [sha256.Size]byte // what was good last, of what shows who it is; guarded by mu
	asked time.Time         // when a service was asked about it; guarded by mu
	over  bool              // guarded by mu
}

// Add notes a session that has begun. A sid that is known already stays whose it is.
func (s *SIDs) Add(b *Begun) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(b.at.known()) == nil {
		s.put(b)
	}
}

// Find returns the session of a sid, nil if it is not known.
func (s *SIDs) Find(at SID) *Begun {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(at.known())
}

// find has a session that is found be one of the young. The caller holds mu.
func (s *SIDs) find(at known) *Begun {
	if b := s.young[at]; b != nil {
		return b
	}
	b := s.old[at]
	if b != nil {
		delete(s.old, at)
		s.put(b)
	}
	return b
}

// put makes b one of the young. The caller holds mu.
func (s *SIDs) put(b *Begun) {
	if s.young == nil || s.size > mostSIDs {
		s.old, s.young, s.size = s.young, make(map[known]*Begun), 0
	}
	s.young[b.at.known()] = b
	s.size += b.size
}

var (
	errOver    = refusal.UnknownSID(refusal.Auth, "what the session was let in by has ended")
	errAnother = refusal.UnknownSID(refusal.Auth, "the sid is of another user's session")
)

// ErrOver is the answer to requests of a session that are under way when what it was
// let in by ends.
var ErrOver error = errOver

// Begin is the session that r has begun there, which was let in.
func (g *Gate) Begin(at SID, r *http.Request, s headers.Sender, granted Grant, now time.Time) *Begun {
	granted.Cookies = nil
	size := 1<<10 + len(at.Path) + len(at.SID) + len(granted.Question.Text()) + len(granted.Who)
	for _, h := range granted.Headers {
		size += len(h.Value)
	}
	return &Begun{at: at, size: size, grant: granted, shown: g.keep.markOf(g.way.shows(question{r, s})), asked: now}
}

// Again lets in a request of a session that has begun, or says why not: the error is a
// *refusal.Error. A request that comes where it has begun, and shows nothing or what is
// known to be good, is not judged: its sid stands for it. Others are judged by
// themselves, and must be the same user's. It may wait as Check does.
func (g *Gate) Again(at SID, r *http.Request, s headers.Sender, route string, b *Begun, now time.Time) (Grant, error) {
	granted, known, err := g.still(b, route, now)
	if err != nil {
		return Grant{}, err
	}
	shown := g.way.shows(question{r, s})
	mark := g.keep.markOf(shown)
	if at == b.at && (shown == "" || mark == known) {
		return granted, nil
	}
	own, err := g.Check(r, s, route, now) // the session's other requests don't wait for it
	switch {
	case err != nil:
		return Grant{}, err
	case !own.alike(granted):
		g.keep.count(route, g.kind, refused)
		return Grant{}, errAnother
	}
	granted.Cookies = own.Cookies
	if at == b.at {
		b.mu.Lock()
		b.shown = mark
		b.mu.Unlock()
	}
	return granted, nil
}

// still returns what b was given, and the mark of what was good last, unless that has
// ended.
func (g *Gate) still(b *Begun, route string, now time.Time) (granted Grant, known [sha256.Size]byte, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over = g.ends(b, route, now); b.over {
		g.keep.count(route, g.kind, refused)
		return Grant{}, known, errOver
	}
	return b.grant, b.shown, nil
}

// ends tells whether what b was let in by has ended: by its time, by the loss of its
// key, or because a service says so that is asked again. The caller holds b's mu.
func (g *Gate) ends(b *Begun, route string, now time.Time) bool {
	_, lost := g.Lost(b.grant.Signer)
	if b.over || lost || b.grant.Expires != 0 && now.Unix() >= b.grant.Expires {
		return true
	}
	service := g.rechecks()
	if service == nil || b.grant.Question == (Question{}) || now.Sub(b.asked) < service.Recheck {
		return false
	}
	b.asked = now
	r, err := b.grant.Question.ask(service)
	became := r.became(err)
	g.keep.count(route, "recheck", became)
	if became == allowed {
		b.grant.Expires = r.grant.Expires
	}
	return became == refused
}

// alike tells whether two are one user's. Where nobody says which header of a service's
// names the user, all of them do.
func (g Grant) alike(other Grant) bool {
	if g.Who != "" || other.Who != "" {
		return g.Who == other.Who
	}
	return slices.Equal(g.Headers, other.Headers)
}

// markOf is what is kept of what shows who somebody is: it may be a secret.
func (k *Keeper) markOf(shown string) [sha256.Size]byte {
	h := hmac.New(sha256.New, k.key[:])
	h.Write([]byte(shown))
	return [sha256.Size]byte(h.Sum(nil))
}
