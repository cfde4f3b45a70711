package handshake

import (
	"encoding/base64"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"usher/proxy/http1"
	"usher/proxy/refusal"
)

// offer is what the client proposes in its half of the handshake, checked.
type offer struct {
	key        string
	protocols  []string
	extensions []deflate // permessage-deflate, in the client's order of preference
	stream     bool      // by HTTP/2: without a key, to be answered by 200
}

// accepted is the status that tells the client that its WebSocket is open.
func (o offer) accepted() int {
	if o.stream {
		return http.StatusOK
	}
	return http.StatusSwitchingProtocols
}

// namesWebSocket reports whether an Upgrade header has websocket among its
// protocols, in any version (RFC 9110, 7.8).
func namesWebSocket(lines []string) bool {
	for _, line := range lines {
		for protocol := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(protocol, "/")
			if strings.EqualFold(textproto.TrimString(name), "websocket") {
				return true
			}
		}
	}
	return false
}

// checkUpgrade checks a request for a WebSocket: it must be the client's half of
// a handshake (RFC 6455, 4.2.1) and nothing else, as an upstream that was asked
// for another protocol would make a tunnel of the connection.
func checkUpgrade(r *http.Request) (offer, error) {
	if isStream(r) {
		return checkStream(r)
	}
	up := r.Header["Upgrade"]
	switch {
	case len(up) != 1 || !strings.EqualFold(up[0], "websocket"):
		return offer{}, badUpgrade("Upgrade must be websocket alone (RFC 6455, 4.2.1)")
	case r.Method != http.MethodGet:
		return offer{}, refusal.New(http.StatusBadRequest, refusal.Method, "an upgrade must be a GET request (RFC 6455, 4.1)")
	case !r.ProtoAtLeast(1, 1):
		return offer{}, badUpgrade("an upgrade must be of HTTP/1.1 (RFC 9110, 7.8)")
	case !http1.HasToken(r.Header["Connection"], "upgrade"):
		return offer{}, badUpgrade("Connection must have the upgrade token (RFC 6455, 4.1)")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return offer{}, badUpgrade("an upgrade must have no body")
	case len(r.Header["Origin"]) > 1:
		return offer{}, badUpgrade("Origin must stand once")
	}
	if err := checkVersion(r.Header); err != nil {
		return offer{}, err
	}
	key := r.Header["Sec-Websocket-Key"]
	if len(key) != 1 || !validKey(key[0]) {
		return offer{}, refusal.New(http.StatusBadRequest, refusal.Key, "Sec-WebSocket-Key must be 16 bytes of base64, once (RFC 6455, 4.1)")
	}
	return checkOffer(key[0], r.Header)
}

func checkVersion(h http.Header) error {
	if v := h["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return refusal.New(http.StatusUpgradeRequired, refusal.Version, "Sec-WebSocket-Version must be 13, once")
	}
	return nil
}

func checkOffer(key string, h http.Header) (offer, error) {
	protocols, ok := parseProtocols(h["Sec-Websocket-Protocol"])
	if !ok {
		return offer{}, badUpgrade("Sec-WebSocket-Protocol must be a list of distinct tokens (RFC 6455, 4.1)")
	}
	extensions, ok := parseExtensions(h["Sec-Websocket-Extensions"])
	if !ok {
		return offer{}, badUpgrade("Sec-WebSocket-Extensions must be a list of extensions (RFC 6455, 9.1)")
	}
	return offer{key: key, protocols: protocols, extensions: deflateOffers(extensions)}, nil
}

func badUpgrade(rule string) *refusal.Error {
	return &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Upgrade, Rule: rule}
}

// validKey reports whether a key is the base64 of 16 bytes, in its one form.
func validKey(key string) bool {
	var b [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Strict().Decode(b[:], []byte(key))
	return err == nil && n == 16
}

// parseProtocols reads the subprotocols that a client offers. An empty header
// is sent by some old clients and offers none.
func parseProtocols(lines []string) (list []string, ok bool) {
	for _, line := range lines {
		if textproto.TrimString(line) == "" {
			continue
		}
		for p := range strings.SplitSeq(line, ",") {
			p = textproto.TrimString(p)
			if !http1.IsToken(p) || slices.Contains(list, p) {
				return nil, false
			}
			list = append(list, p)
		}
	}
	return list, true
}
