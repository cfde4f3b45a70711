package proxy

import (
	"net"

	"usher/proxy/certs"
	"usher/proxy/config"
)

// startCerts has k keep the certificates of cfg fresh until its Stop. all are
// the listeners of cfg.
func startCerts(k *certs.Keeper, cfg *config.Config, all []*listener) error {
	if k == nil {
		return nil
	}
	var plain, secure net.Addr
	for i, want := range cfg.Listen {
		_, unix := want.UnixPath()
		switch {
		case unix: // an authority does not come there
		case !want.TLS && plain == nil:
			plain = all[i].Addr()
		case want.TLS && secure == nil:
			secure = all[i].Addr()
		}
	}
	return k.Start(plain, secure)
}

func stopCerts(k *certs.Keeper) {
	if k != nil {
		k.Stop()
	}
}
