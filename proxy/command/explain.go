package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"usher/proxy/config"
	"usher/proxy/route"
)

// Explain writes which route of the file takes a request for the URL, where it
// goes, and why each route that was looked at before does not take it; and the
// same of a Socket.IO namespace, unless that is "".
func Explain(w io.Writer, file, target, namespace string) error {
	host, path, upgrade, err := splitTarget(target)
	if err != nil {
		return err
	}
	if namespace != "" && namespace[0] != '/' {
		return &UsageError{Text: fmt.Sprintf("namespace %q does not begin with a slash", namespace), Hint: "such as /" + namespace}
	}
	cfg, err := load(file)
	if err != nil {
		return err
	}
	table := route.NewTable(cfg)
	m, refused := table.Match(host, path, upgrade)
	no := refused != nil
	var out bytes.Buffer
	switch {
	case no:
		writeRefusal(&out, refused)
	case namespace != "" || len(m.Route.Namespaces) > 0:
		no = !writeSplit(&out, m, namespace)
	default:
		writeMatch(&out, m)
	}
	if steps := table.Explain(host, path, upgrade); len(steps) > 0 {
		out.WriteString("\nin order of precedence:\n")
		writeTable(&out, "  ", stepRows(steps))
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return err
	}
	if no {
		return errNo
	}
	return nil
}

// splitTarget takes the host and the path, as they stand in a request, from a
// URL, whose scheme says whether that is an upgrade. The query has no say in
// routing.
func splitTarget(target string) (host, path string, upgrade bool, err error) {
	if !strings.Contains(target, "://") {
		return "", "", false, &UsageError{Text: fmt.Sprintf("%q is no URL of a request", target), Hint: "such as " + withScheme(target)}
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", "", false, &UsageError{Text: fmt.Sprintf("%q is no URL: %v", target, errors.Unwrap(err))}
	}
	switch u.Scheme { // in lower case
	case "ws", "wss":
		upgrade = true
	case "http", "https":
	default:
		return "", "", false, &UsageError{
			Text: fmt.Sprintf("%q is no URL of a request", target),
			Hint: "such as wss://app.example.com/socket.io",
		}
	}
	if u.Host == "" {
		return "", "", false, &UsageError{Text: fmt.Sprintf("%q has no host", target), Hint: "such as wss://app.example.com/socket.io"}
	}
	// Cut by hand: url.Parse may have changed how the path is escaped.
	_, rest, _ := strings.Cut(target, "//")
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		return u.Host, rest[slash:], upgrade, nil
	}
	return u.Host, "/", upgrade, nil
}

// withScheme makes a URL of what lacks one, and of a path one of any host.
func withScheme(target string) string {
	if strings.HasPrefix(target, "/") {
		target = "app.example.com" + target
	}
	return "wss://" + target
}

func writeMatch(w *bytes.Buffer, m route.Match) {
	r := m.Route
	fmt.Fprintf(w, "route     %s (line %d)\n", r, r.Line)
	if r.Answer() != "" {
		fmt.Fprintf(w, "%-9s %s\n", r.Answer(), answerOf(r.Route))
		return
	}
	fmt.Fprintf(w, "upstream  %s\n", r.Upstream.Name)
	for _, e := range r.Upstream.Endpoints {
		fmt.Fprintf(w, "endpoint  %s\n", endpoint(e))
	}
	fmt.Fprintf(w, "path      %s\n", m.UpstreamPath())
	if m.Bare() {
		fmt.Fprintf(w, "slash     a page here is led to %s/ (308)\n", m.Path)
	}
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

func writeRefusal(w *bytes.Buffer, err error) {
	switch {
	case errors.Is(err, route.ErrNoRoute):
		fmt.Fprintln(w, "no route takes this path: the client gets 404")
	case errors.Is(err, route.ErrPlainOnly):
		fmt.Fprintf(w, "%v: the client gets 404\n", err)
	case errors.Is(err, route.ErrUpgradesOnly):
		fmt.Fprintf(w, "%v: the client gets 426\n", err)
	case errors.Is(err, route.ErrNoHost):
		fmt.Fprintln(w, "no route takes this host: the client gets 421")
	default:
		fmt.Fprintf(w, "%v: the client gets 400\n", err)
	}
}

func stepRows(steps []route.Step) [][]string {
	rows := make([][]string, 0, len(steps))
	for _, s := range steps {
		verdict := "no"
		if s.Taken {
			verdict = "takes it"
		}
		rows = append(rows, []string{fmt.Sprintf("line %d", s.Route.Line), s.Route.String(), verdict, s.Reason})
	}
	return rows
}
