package route

import (
	"fmt"
	"strings"

	"usher/proxy/config"
)

// Step is what one route has to say to a request.
type Step struct {
	Route  *Route
	Taken  bool
	Reason string // why it takes the request, or does not
}

// Explain returns the routes in order of precedence up to the one that takes
// the request, each with its reason; all of them if none does. It compares each
// route with the request and shares nothing with Match but the normal forms. It
// returns nil for a path that Match refuses.
func (t *Table) Explain(host, rawPath string, upgrade bool) []Step {
	if rawPath == "*" {
		rawPath = "/" // as Match does
	}
	path, err := config.NormalPath(rawPath)
	if err != nil {
		return nil
	}
	host = config.NormalHost(host)
	steps := t.steps(host, path, upgrade)
	if loose, err := config.LoosePath(path); err != nil || loose != path && takes(steps) != takes(t.steps(host, loose, upgrade)) {
		return nil
	}
	return steps
}

func (t *Table) steps(host, path string, upgrade bool) []Step {
	steps := make([]Step, 0, len(t.routes))
	for _, r := range t.routes {
		why := r.refusesHost(host)
		if why == "" {
			why = r.refusesPath(path)
		}
		if why == "" {
			why = r.refusesKind(upgrade)
		}
		if why == "" {
			return append(steps, Step{r, true, "first in order of precedence whose host and path fit"})
		}
		steps = append(steps, Step{r, false, why})
	}
	return steps
}

func takes(steps []Step) *Route {
	if n := len(steps); n > 0 && steps[n-1].Taken {
		return steps[n-1].Route
	}
	return nil
}

func (r *Route) refusesHost(host string) string {
	suffix, wildcard := strings.CutPrefix(r.Host, "*")
	switch {
	case r.Host == "", r.Host == host:
		return ""
	case wildcard && len(host) > len(suffix) && strings.HasSuffix(host, suffix):
		return ""
	case wildcard:
		return fmt.Sprintf("host %q is not below %q", host, suffix[1:])
	}
	return fmt.Sprintf("host %q is not %q", host, r.Host)
}

func (r *Route) refusesPath(path string) string {
	rest, begins := strings.CutPrefix(path, r.Path)
	inside := begins && (rest == "" || rest[0] == '/' || r.Path == "/")
	switch {
	case r.Exact && inside && (rest == "" || rest == "/"):
		return ""
	case r.Exact && inside:
		return fmt.Sprintf("path %q is below %q, but the route is exact", path, r.Path)
	case inside:
		return ""
	case begins:
		return fmt.Sprintf("path %q begins with %q, but not at a segment boundary", path, r.Path)
	}
	return fmt.Sprintf("path %q is not below %q", path, r.Path)
}

func (r *Route) refusesKind(upgrade bool) string {
	switch {
	case r.Upgrade == config.OnlyWebSocket && !upgrade:
		return "the request asks for no upgrade, and the route takes WebSocket only"
	case r.Upgrade == config.NoUpgrade && upgrade:
		return "the request asks for WebSocket, and the route takes no upgrade"
	}
	return ""
}
