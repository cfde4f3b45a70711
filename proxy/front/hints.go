package front

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"usher/proxy/headers"
)

const (
	// hintPause is how long nothing is said of a peer again.
	hintPause = time.Hour
	// maxHints bounds the peers that are spoken of in that time: anybody can
	// send such a header.
	maxHints = 64
)

// hints tell the operator of peers that speak for others without being believed.
// Behind a balancer that is not in trusted_proxies, an application that looks at
// X-Forwarded-Proto redirects for ever, and nobody else would say why.
type hints struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[netip.Addr]time.Time // when; guarded by mu
}

func newHints(log *slog.Logger) *hints {
	return &hints{log: log, told: make(map[netip.Addr]time.Time)}
}

// look looks at who has sent r, as the rules have it.
func (h *hints) look(rules headers.Rules, r *http.Request, s headers.Sender) {
	peer, header := s.Peer, s.Unbelieved(r.Header)
	if header == "" || !h.mayTell(peer, time.Now()) {
		return
	}
	level, name, entry := slog.LevelInfo, "unknown", "unix"
	if len(rules.Trusted) == 0 {
		level = slog.LevelWarn // it is more likely a balancer than a liar
	}
	if peer.IsValid() {
		name, entry = peer.String(), peer.String()
	}
	h.log.Log(context.Background(), level, "peer is not believed", "peer", name, "header", header,
		"hint", fmt.Sprintf("if it is a proxy of yours, add %s to trusted_proxies: its clients have its address until then, and its scheme", entry))
}

// due tells whether look would tell of s, which has sent head.
func (h *hints) due(s headers.Sender, head http.Header, now time.Time) bool {
	if s.Unbelieved(head) == "" {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	last, ok := h.told[s.Peer]
	return !ok && len(h.told) < maxHints || ok && now.Sub(last) >= hintPause
}

// mayTell reports whether peer was not spoken of lately, and notes that it is.
func (h *hints) mayTell(peer netip.Addr, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last, ok := h.told[peer]; ok && now.Sub(last) < hintPause {
		return false
	}
	if len(h.told) >= maxHints {
		for p, last := range h.told {
			if now.Sub(last) >= hintPause {
				delete(h.told, p)
			}
		}
	}
	if _, ok := h.told[peer]; !ok && len(h.told) >= maxHints {
		return false
	}
	h.told[peer] = now
	return true
}
