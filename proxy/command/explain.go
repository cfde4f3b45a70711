package command

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"usher/proxy/config"
	"usher/proxy/route"
)

// Explain writes which route of the file takes a request for the URL, where it
// goes, and why each route that was looked at before does not take it.
func Explain(w io.Writer, file, target string) error {
	host, path, err := splitTarget(target)
	if err != nil {
		return err
	}
	cfg, err := load(file)
	if err != nil {
		return err
	}
	table := route.NewTable(cfg)
	m, refused := table.Match(host, path)
	if refused != nil {
		writeRefusal(w, refused)
	} else {
		writeMatch(w, m)
	}
	if steps := table.Explain(host, path); len(steps) > 0 {
		fmt.Fprintln(w, "\nin order of precedence:")
		if err := writeSteps(w, steps); err != nil {
			return err
		}
	}
	if refused != nil {
		return ErrNo
	}
	return nil
}

// splitTarget takes the host and the path, as they stand in a request, from a
// URL. The query has no say in routing.
func splitTarget(target string) (host, path string, err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", "", &UsageError{Text: fmt.Sprintf("%q is no URL: %v", target, errors.Unwrap(err))}
	}
	switch strings.ToLower(u.Scheme) {
	case "ws", "wss", "http", "https":
	default:
		return "", "", &UsageError{
			Text: fmt.Sprintf("%q is no URL of a request", target),
			Hint: "such as wss://app.example.com/socket.io",
		}
	}
	if u.Host == "" {
		return "", "", &UsageError{Text: fmt.Sprintf("%q has no host", target), Hint: "such as wss://app.example.com/socket.io"}
	}
	// Cut by hand: url.Parse may have changed how the path is escaped.
	_, rest, _ := strings.Cut(target, "//")
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		return u.Host, rest[slash:], nil
	}
	return u.Host, "/", nil
}

func writeMatch(w io.Writer, m route.Match) {
	r := m.Route
	fmt.Fprintf(w, "route     %s (line %d)\n", r, r.Line)
	fmt.Fprintf(w, "upstream  %s\n", r.Upstream.Name)
	for _, e := range r.Upstream.Endpoints {
		fmt.Fprintf(w, "endpoint  %s\n", endpoint(e))
	}
	fmt.Fprintf(w, "path      %s\n", m.UpstreamPath())
	fmt.Fprintf(w, "relay     %s\n", r.Relay)
	fmt.Fprintf(w, "origin    %s\n", originRule(r.Route))
}

func originRule(r *config.Route) string {
	switch {
	case len(r.Origins) == 0:
		return "a browser's Origin must have the request's own host"
	case r.Origins[0] == "*":
		return "any"
	}
	return "the request's own host, " + strings.Join(r.Origins, ", ")
}

func writeRefusal(w io.Writer, err error) {
	switch {
	case errors.Is(err, route.ErrNoRoute):
		fmt.Fprintln(w, "no route takes this path: the client gets 404")
	case errors.Is(err, route.ErrNoHost):
		fmt.Fprintln(w, "no route takes this host: the client gets 421")
	default:
		fmt.Fprintf(w, "%v: the client gets 400\n", err)
	}
}

func writeSteps(w io.Writer, steps []route.Step) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		verdict := "no"
		if s.Taken {
			verdict = "takes it"
		}
		fmt.Fprintf(t, "  line %d\t%s\t%s\t%s\n", s.Route.Line, s.Route, verdict, s.Reason)
	}
	return t.Flush()
}
