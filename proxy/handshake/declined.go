package handshake

import (
	"log/slog"
	"net/http"

	"usher/proxy/refusal"
)

// logDeclined tells of an upstream that has answered an upgrade with status:
// it leads to no session, whose end would be in the log.
func (h *Handler) logDeclined(r *http.Request, c *Claim, status int, hint string) {
	if h.Log == nil {
		return
	}
	attrs := append([]slog.Attr{
		slog.Int("status", status), slog.String("route", c.Route.String()), slog.String("upstream", c.Upstream.Name),
	}, refusal.Request(r, c.Sender)...)
	if hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	h.Log.LogAttrs(r.Context(), refusal.Level(status), "upgrade declined by upstream", attrs...)
}
