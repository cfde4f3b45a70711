package handshake

import "strings"

// speaksEngineIO reports whether a query has the parameter by which an
// Engine.IO client tells its protocol.
func speaksEngineIO(query string) bool {
	return strings.HasPrefix(query, "EIO=") || strings.Contains(query, "&EIO=")
}

// continues reports whether the client speaks of an Engine.IO session that it
// has begun already.
func continues(query string) bool {
	return speaksEngineIO(query) && (strings.HasPrefix(query, "sid=") || strings.Contains(query, "&sid="))
}

// opens reports whether the claim begins an Engine.IO session.
func (c *Claim) opens() bool {
	return c.EngineIO && strings.Contains(c.Query, "transport=websocket") && !continues(c.Query)
}
