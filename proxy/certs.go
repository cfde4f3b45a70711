package proxy

import (
	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/front"
)

// startCerts has k keep the certificates of cfg fresh until its Stop. all are
// the listeners of cfg.
func startCerts(k *certs.Keeper, cfg *config.Config, all []*front.Listener) error {
	if k == nil {
		return nil
	}
	return k.Start(reachable(cfg, all))
}

func stopCerts(k *certs.Keeper) {
	if k != nil {
		k.Stop()
	}
}
