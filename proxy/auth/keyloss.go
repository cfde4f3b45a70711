package auth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// nameOf names a key among all of all sets, whatever its kid: by the set and by what
// the key is (RFC 7638), so that also another process knows it. "" is for none that has
// a name.
func (s *keySet) nameOf(k *jose.JSONWebKey) string {
	print, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return s.name() + "." + base64.RawURLEncoding.EncodeToString(print[:12])
}

func (s *keySet) name() string {
	sum := sha256.Sum256([]byte(s.url))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// lost tells whether a key was of s, and is not any more. What is not known is no loss.
func (s *keySet) lost(signer string) bool {
	have := s.have.Load()
	return have != nil && strings.HasPrefix(signer, s.name()+".") && !slices.ContainsFunc(have.keys, isNamed(signer))
}

func isNamed(name string) func(namedKey) bool { return func(k namedKey) bool { return k.name == name } }

// noteRenewed has Renewed return.
func (k *Keeper) noteRenewed() {
	select {
	case k.renewed <- struct{}{}:
	default:
	}
}

// Renewed returns when it may be that keys are gone from their sets, or that this
// counts now: Gate.Lost says which. It has the sets read again whose lost keys count,
// so somebody is to wait for it as long as there are sessions. The error is ctx's.
func (k *Keeper) Renewed(ctx context.Context) error {
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-k.renewed:
			return nil
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		look.Reset(k.readAgain(time.Now()))
	}
}

// readAgain reads the sets again that are old, and returns when to look next. A reload
// that has others count wakes who waits.
func (k *Keeper) readAgain(now time.Time) time.Duration {
	k.mu.Lock()
	sets := k.loss
	k.mu.Unlock()
	if len(sets) == 0 {
		return idle
	}
	for _, s := range sets {
		if have := s.have.Load(); have == nil || now.Sub(have.at) > staleAfter {
			s.refresh(now, missGap)
		}
	}
	return missGap
}

// Lost tells whether the key that has let somebody in, a Grant's Signer, is gone from
// its set, and so what it has let in is to end, with Close frames of that code. g may
// be nil.
func (g *Gate) Lost(signer string) (code uint16, lost bool) {
	if g == nil || signer == "" {
		return 0, false
	}
	t, ok := g.way.(*tokens)
	if !ok || !t.RevokeOnKeyLoss {
		return 0, false
	}
	s, ok := t.keys.(*keySet)
	return t.Expiry.Code, ok && s.lost(signer)
}
