package proxy

import (
	"log/slog"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/fleet/keys"
	"usher/proxy/fleet/store"
)

// fleet is what this usher and others have in common, from New to the end of Run:
// a reload does not change it. It is nil for an usher by itself.
type fleet struct {
	keys  *keys.Ring
	store *store.Store // nil without Redis
}

func openFleet(cfg *config.Config, log *slog.Logger) (*fleet, error) {
	if len(cfg.Fleet.Secrets) == 0 {
		return nil, nil
	}
	f := &fleet{keys: keys.New(cfg.Fleet.Secrets)}
	if cfg.Fleet.Redis.Kind == config.NoRedis {
		return f, nil
	}
	secure, err := certs.ForRedis(cfg)
	if err != nil {
		return nil, err
	}
	f.store = store.New(cfg.Fleet.Redis, cfg.Fleet.Name, secure, log)
	return f, nil
}

// share has k keep the fleet's certificates.
func (f *fleet) share(k *certs.Keeper) {
	if f != nil && f.store != nil {
		k.Share(f.store, f.keys)
	}
}

// close ends what openFleet has begun.
func (f *fleet) close() {
	if f != nil && f.store != nil {
		f.store.Close()
	}
}
