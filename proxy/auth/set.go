package auth

import (
	"cmp"
	"fmt"

	"usher/proxy/config"
)

// Set is the gates of one routes file.
type Set map[*config.Auth]*Gate

// Open makes the gates of cfg: files are read, and nothing is asked of anybody. The
// error is config.Errors.
func (k *Keeper) Open(cfg *config.Config) (Set, error) {
	set := make(Set)
	var faults config.Errors
	for _, a := range cfg.Auths() {
		if a == nil || set[a] != nil {
			continue
		}
		gate, at, err := k.gate(cfg, a)
		if err != nil {
			faults = append(faults, &config.Error{File: cfg.File, Position: at, Text: fmt.Sprintf("%s: %v", a.Kind(), err)})
		}
		set[a] = gate
	}
	if len(faults) > 0 {
		return nil, faults.Sorted()
	}
	return set, nil
}

// gate makes one. An error is of the file that is named at.
func (k *Keeper) gate(cfg *config.Config, a *config.Auth) (g *Gate, at config.Position, err error) {
	g = &Gate{kind: a.Kind(), keep: k}
	switch {
	case a.Forward != nil:
		g.way = newService(a.Forward, k.client(a.Forward.URL), cfg, k.log)
	case a.Basic != nil:
		at = a.Basic.At
		g.way, err = openUsers(cfg.Beside(a.Basic.Users), a.Basic.Realm, k.log)
	default:
		at = a.JWT.KeyAt
		t := newTokens(a.JWT)
		switch {
		case a.JWT.Key != "":
			t.keys, err = readKey(cfg.Beside(a.JWT.Key))
		case a.JWT.Secret != "":
			t.keys = secretKey(a.JWT.Secret)
		default:
			t.keys = k.keys(cmp.Or(a.JWT.JWKS, a.JWT.Issuer), a.JWT.JWKS == "")
		}
		for _, s := range a.JWT.From {
			if s.Place == config.FromSubprotocol {
				g.hide = append(g.hide, s.Name)
			}
		}
		g.way = t
	}
	return g, at, err
}
