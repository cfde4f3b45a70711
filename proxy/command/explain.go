package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"usher/proxy/config"
	"usher/proxy/route"
)

// ExplainOptions are what is asked of a routes file.
type ExplainOptions struct {
	File, URL string
	Namespace string // of Socket.IO; "" for none
	Client    string // the address of who asks; "" for anybody
	// Headers of the request, each "Name: value". If there is one, auth is asked
	// whether it lets the request in. A value that ends in "-" has a line of Input
	// there.
	Headers []string
	Input   io.Reader
}

// asked is what a request asks for.
type asked struct {
	host, path string
	upgrade    bool
	namespace  string
	client     netip.Addr // the zero value for anybody
	url        *url.URL
	headers    http.Header // nil if auth is not asked
	verdict    verdict     // of auth, where it is asked
	fleet      config.Fleet
}

// Explain writes which route of the file takes a request for the URL, what is
// decided about it on its way, in that order, and why each route that was looked
// at before does not take it; and the same of a Socket.IO namespace.
func Explain(w io.Writer, o ExplainOptions) error {
	a, err := o.parse()
	if err != nil {
		return err
	}
	cfg, err := load(o.File)
	if err != nil {
		return err
	}
	a.fleet = cfg.Fleet
	table := route.NewTable(cfg)
	m, refused := table.Match(a.host, a.path, a.upgrade)
	no := refused != nil
	if !no && a.headers != nil {
		if a.verdict, err = a.ask(cfg, m.Route); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	switch {
	case no:
		writeRefusal(&out, refused)
	case a.namespace != "" || len(m.Route.Namespaces) > 0:
		no = !writeSplit(&out, m, a)
	default:
		no = !writeMatch(&out, m, a)
	}
	if steps := table.Explain(a.host, a.path, a.upgrade); len(steps) > 0 {
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

func (o ExplainOptions) parse() (a asked, err error) {
	a.namespace = o.Namespace
	if a.host, a.path, a.upgrade, err = splitTarget(o.URL); err != nil {
		return a, err
	}
	if a.url, err = url.Parse(o.URL); err != nil {
		return a, err
	}
	if len(o.Headers) > 0 {
		if a.headers, err = parseHeaders(o.Headers, o.Input); err != nil {
			return a, err
		}
	}
	if o.Namespace != "" && o.Namespace[0] != '/' {
		return a, &UsageError{Text: fmt.Sprintf("namespace %q does not begin with a slash", o.Namespace), Hint: "such as /" + o.Namespace}
	}
	if o.Client != "" {
		if a.client, err = netip.ParseAddr(o.Client); err != nil {
			return a, &UsageError{Text: fmt.Sprintf("%q is no address of a client", o.Client), Hint: "such as 192.0.2.7 or 2001:db8::7"}
		}
		a.client = a.client.Unmap().WithZone("")
	}
	return a, nil
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
		return "", "", false, &UsageError{Text: fmt.Sprintf("%q is no URL: %v", target, errors.Unwrap(err)), Hint: "such as wss://app.example.com/socket.io"}
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

// writeMatch explains a request that has a route, and reports whether it is
// served.
func writeMatch(w *bytes.Buffer, m route.Match, a asked) bool {
	r := m.Route
	var o order
	o.add("route", "%s (line %d)", r, r.Line)
	served := o.before(r.Route, &a)
	if r.Upstream != nil {
		o.add("upstream", "%s", r.Upstream.Name)
		for _, e := range r.Upstream.Endpoints {
			o.add("endpoint", "%s", endpoint(e))
		}
		o.add("path", "%s", m.UpstreamPath())
		if m.Bare() {
			o.add("slash", "a page here is led to %s/ (308)", m.Path)
		}
		o.add("relay", "%s", r.Relay)
	}
	o.after(r.Route, a.upgrade)
	o.write(w)
	return served
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
