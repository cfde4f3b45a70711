package command

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"usher/proxy/config"
	"usher/proxy/route"
)

// Check reads the routes file and writes the routes that it would serve, or
// returns all of the file's errors. Warnings go to stderr.
func Check(w, stderr io.Writer, file string) error {
	cfg, err := load(file)
	if err != nil {
		return err
	}
	for _, l := range cfg.Listen {
		fmt.Fprintf(w, "listen %s\n", listenerURL(l))
	}
	fmt.Fprintln(w)
	if err := writeRoutes(w, cfg); err != nil {
		return err
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(stderr, "usher: warning: %v\n", warning)
	}
	return nil
}

// writeRoutes writes the table in the order in which requests meet it.
func writeRoutes(w io.Writer, cfg *config.Config) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "LINE\tROUTE\tUPSTREAM\tENDPOINTS\tOPTIONS\n")
	for _, r := range route.NewTable(cfg).Routes() {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s", r.Line, r, r.Upstream.Name, endpoints(r.Upstream))
		if o := options(r.Route); o != "" {
			fmt.Fprintf(t, "\t%s", o)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func listenerURL(l config.Listener) string {
	if l.TLS {
		return "https://" + l.Address
	}
	return "http://" + l.Address
}

func endpoints(u *config.Upstream) string {
	list := make([]string, 0, len(u.Endpoints))
	for _, e := range u.Endpoints {
		list = append(list, endpoint(e))
	}
	return strings.Join(list, " ")
}

func endpoint(e config.Endpoint) string {
	if e.Scheme == config.Unix {
		return "unix:" + e.Address
	}
	return string(e.Scheme) + "://" + e.Address
}

// options names what makes a route differ from one that has only a path and an
// upstream, limits aside.
func options(r *config.Route) string {
	var list []string
	if r.StripPrefix != "" {
		list = append(list, "strip_prefix "+r.StripPrefix)
	}
	if len(r.Origins) > 0 {
		list = append(list, "origins "+strings.Join(r.Origins, " "))
	}
	for _, h := range r.Headers.Set {
		list = append(list, "set "+h.Name) // the value may be a secret
	}
	for _, name := range r.Headers.Remove {
		list = append(list, "remove "+name)
	}
	if r.Relay == config.Messages {
		list = append(list, "relay messages")
	}
	return strings.Join(list, ", ")
}
