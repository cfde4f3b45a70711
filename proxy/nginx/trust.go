package nginx

import (
	"slices"
	"strings"
)

// trusted gathers the peers that say whom they ask for, if each server believes
// them, and the header that usher does: trusted_proxies is for all routes.
func (im *importer) trusted() {
	served := slices.DeleteFunc(slices.Clone(im.servers), func(s *server) bool { return s.out || s.leads })
	for i, s := range served {
		if peers := im.believed(s.scope); i == 0 {
			im.peers = peers
		} else if !slices.Equal(peers, im.peers) {
			im.peers = nil
		}
		if len(im.peers) == 0 {
			break
		}
	}
	for _, s := range served {
		im.distrusted(s.scope)
	}
}

// believed are the peers whose X-Forwarded-For counts in a block.
func (im *importer) believed(in *scope) (peers []string) {
	if !strings.EqualFold(in.one("real_ip_header").arg(0), "X-Forwarded-For") {
		return nil
	}
	for _, d := range in.all("set_real_ip_from") {
		if peer := im.peer(d); peer != "" && !slices.Contains(peers, peer) {
			peers = append(peers, peer)
		}
	}
	return peers
}

// distrusted tells of peers that are not believed here.
func (im *importer) distrusted(in *scope) {
	header := in.one("real_ip_header")
	if strings.EqualFold(header.arg(0), "proxy_protocol") {
		return
	}
	for _, d := range in.all("set_real_ip_from") {
		switch {
		case !strings.EqualFold(header.arg(0), "X-Forwarded-For"):
			im.lose(d, "nginx takes the client's address from another header than X-Forwarded-For and Forwarded (X-Real-IP without real_ip_header), which usher does not; where this peer sends those, and overwrites what clients send, write it into trusted_proxies")
		case !slices.Contains(im.peers, im.peer(d)):
			im.lose(d, "trusted_proxies is for all servers, and not all of them believe this peer")
		}
	}
}
