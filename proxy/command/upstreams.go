package command

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/proxy/config"
)

// The defaults, of which nothing is said.
const (
	usualResolve = 30 * time.Second
	usualHold    = 5 * time.Second
)

// upstreamRows returns the upstreams of which more is to be said than the
// endpoints that stand in the table of routes.
func upstreamRows(cfg *config.Config) [][]string {
	rows := [][]string{{"LINE", "UPSTREAM", "OPTIONS"}}
	for _, u := range cfg.Upstreams {
		if options := upstreamOptions(u); options != "" {
			rows = append(rows, []string{strconv.Itoa(u.Line), u.Name, options})
		}
	}
	return rows
}

// secretAdvice says what it means that the file has no affinity_secret, if it
// means anything.
func secretAdvice(cfg *config.Config) string {
	needed := func(r *config.Route) bool {
		return len(r.Namespaces) == 0 && r.Upstream != nil && r.Upstream.NeedsSecret()
	}
	if cfg.AffinitySecret != "" || !slices.ContainsFunc(cfg.Routes, needed) {
		return ""
	}
	return "\nwithout affinity_secret, polling sessions and cookies do not outlive a process, nor reach another usher\n"
}

func sameSite(s http.SameSite) string {
	return map[http.SameSite]string{http.SameSiteLaxMode: " lax", http.SameSiteStrictMode: " strict", http.SameSiteNoneMode: " none"}[s]
}

func upstreamOptions(u *config.Upstream) string {
	var list []string
	for _, e := range u.Endpoints {
		if e.Weight != 1 {
			list = append(list, fmt.Sprintf("%s weight %d", endpoint(e), e.Weight))
		}
		if e.MaxSessions != 0 {
			list = append(list, fmt.Sprintf("%s max_sessions %d", endpoint(e), e.MaxSessions))
		}
	}
	switch {
	case u.Balance == config.ByHash:
		list = append(list, strings.TrimSpace("hash "+string(u.Hash.By)+" "+u.Hash.Name))
	case u.Balance != config.RoundRobin:
		list = append(list, "balance "+string(u.Balance))
	}
	if u.Affinity != config.AffinityEngineIO {
		list = append(list, "affinity "+string(u.Affinity)+sameSite(u.SameSite))
	}
	if c := u.Check; c.Kind != "" {
		what := string(c.Kind)
		if c.Path != "" {
			path, _, _ := strings.Cut(c.Path, "?") // the query may have a token
			what += " " + path
		}
		list = append(list, fmt.Sprintf("check %s every %v", what, c.Every))
	}
	if u.Resolve != usualResolve {
		list = append(list, fmt.Sprintf("resolve %v", u.Resolve))
	}
	if u.SlowStart > 0 {
		list = append(list, fmt.Sprintf("slow_start %v", u.SlowStart))
	}
	if u.Hold != usualHold {
		list = append(list, fmt.Sprintf("hold %v", u.Hold))
	}
	if len(u.After) > 0 {
		list = append(list, "after "+strings.Join(u.After, " "))
	}
	return strings.Join(list, ", ")
}
