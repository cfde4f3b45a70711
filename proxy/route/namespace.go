package route

import (
	"fmt"
	"strings"

	"usher/proxy/config"
)

// splitIdentity is what a route with namespaces adds to its identity.
func splitIdentity(c *config.Route) string {
	var b strings.Builder
	for _, n := range c.Namespaces {
		fmt.Fprintf(&b, " namespace %q upstream %s on_loss %s", n.Text, n.Upstream.Name, c.SocketIO.Loss(n.Upstream))
	}
	if c.SocketIO.Fallback != nil {
		fmt.Fprintf(&b, " fallback %s", c.SocketIO.Fallback.Name)
	}
	return b.String()
}

// NamespaceStep is what one rule of a route has to say to a namespace.
type NamespaceStep struct {
	Rule   *config.Namespace
	Taken  bool
	Reason string
}

// ExplainNamespace returns the rules of the route in the order in which they
// are asked, up to the one that takes the namespace of that name; all of them
// if none does.
func (r *Route) ExplainNamespace(name string) []NamespaceStep {
	var steps []NamespaceStep
	for _, n := range r.Namespaces {
		if n.Takes(name) {
			return append(steps, NamespaceStep{n, true, "first in order of precedence that takes it"})
		}
		reason := fmt.Sprintf("%q is not %q", name, n.Exact)
		switch {
		case n.Regexp != nil:
			reason = fmt.Sprintf("%q does not match", name)
		case n.Prefix != "":
			reason = fmt.Sprintf("%q is not below %q", name, n.Prefix)
		}
		steps = append(steps, NamespaceStep{n, false, reason})
	}
	return steps
}
