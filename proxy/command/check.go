package command

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"usher/proxy/accesslog"
	"usher/proxy/auth"
	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/pages"
	"usher/proxy/route"
)

// Check reads the routes file, and the PEM files that it names, and writes the
// routes that it would serve, or returns all errors of these files. Warnings go to stderr.
func Check(w, stderr io.Writer, file string) error {
	cfg, err := load(file)
	if err != nil {
		return err
	}
	if faults := certs.Check(cfg); len(faults) > 0 {
		return faults
	}
	if _, err := pages.Open(cfg); err != nil {
		return err
	}
	if _, err := auth.NewKeeper(nil).Open(cfg); err != nil {
		return err
	}
	if err := accesslog.Check(cfg); err != nil {
		return err
	}
	var out, warnings bytes.Buffer
	for _, l := range cfg.Listen {
		fmt.Fprintf(&out, "listen %s%s\n", listenerURL(l), listenerOptions(l, cfg.TLS))
	}
	if a := cfg.Admin; a.Address != "" {
		fmt.Fprintf(&out, "admin %s%s\n", a.Address, adminOptions(a))
	}
	out.WriteString(sources(cfg))
	out.WriteString("\n")
	writeTable(&out, "", routeRows(cfg))
	if rows := upstreamRows(cfg); len(rows) > 1 {
		out.WriteString("\n")
		writeTable(&out, "", rows)
	}
	out.WriteString(secretAdvice(cfg))
	for _, warning := range slices.Concat(cfg.Warnings, certs.Advice(cfg)) {
		fmt.Fprintf(&warnings, "usher: warning: %v\n", warning)
	}
	if _, err := stderr.Write(warnings.Bytes()); err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

// routeRows returns the table in the order in which requests meet it.
func routeRows(cfg *config.Config) [][]string {
	rows := [][]string{{"LINE", "ROUTE", "UPSTREAM", "ENDPOINTS", "OPTIONS"}}
	for _, r := range route.NewTable(cfg).Routes() {
		if len(r.Namespaces) > 0 {
			rows = append(rows, splitRows(r)...)
			continue
		}
		if r.Answer() != "" {
			rows = append(rows, []string{strconv.Itoa(r.Line), r.String(), r.Answer(), answerOf(r.Route), options(r.Route)})
			continue
		}
		rows = append(rows, []string{
			strconv.Itoa(r.Line), r.String(), r.Upstream.Name, endpoints(r.Upstream), options(r.Route),
		})
	}
	return rows
}

// answerOf says what a route without an upstream answers.
func answerOf(r *config.Route) string {
	switch {
	case r.Redirect != nil:
		return fmt.Sprintf("%d %s", r.Redirect.Code, r.Redirect)
	case r.Respond.File != "":
		return fmt.Sprintf("%d %s", r.Respond.Status, r.Respond.File)
	}
	return strconv.Itoa(r.Respond.Status)
}

// adminOptions says what the operators' address asks for and can do.
func adminOptions(a config.Admin) string {
	text := ""
	if a.Token != "" {
		text += ", with a token"
	}
	if len(a.CloseBy) > 0 {
		text += ", closes by " + strings.Join(a.CloseBy, " ")
	}
	return text
}

// listenerOptions says what a listener does but to serve the routes.
func listenerOptions(l config.Listener, t config.TLS) string {
	text := ""
	if l.Redirect {
		text = ", leads to https"
	}
	if l.TLS && t.H2WebSocket {
		text = ", WebSocket by HTTP/2 too"
	}
	if l.ClientCA != "" {
		text += ", for clients with a certificate by " + l.ClientCA
	}
	if peers := l.Proxies(); len(peers) > 0 {
		text += ", PROXY protocol from " + strings.Join(peers, " ")
	}
	return text
}

// sources says where certificates come from.
func sources(cfg *config.Config) string {
	t := cfg.TLS
	var b strings.Builder
	for _, c := range t.Certificates {
		fmt.Fprintf(&b, "certificate of %s\n", c.Cert)
	}
	by := t.ACME.Directory
	switch {
	case t.Internal:
		by = "the local authority"
	case t.ACME.Staging:
		by = "Let's Encrypt (staging)"
	case by == "":
		by = "Let's Encrypt"
	}
	names := cfg.Issued()
	if t.Internal && !slices.Contains(names, "localhost") {
		names = append(names, "localhost")
	}
	for _, name := range names {
		fmt.Fprintf(&b, "certificate for %s by %s\n", name, by)
	}
	if t.Ask != "" {
		fmt.Fprintf(&b, "certificates for other names by %s, if %s allows\n", by, t.Ask)
	}
	return b.String()
}

func listenerURL(l config.Listener) string {
	if _, unix := l.UnixPath(); unix {
		if l.TLS {
			return l.Address + " (tls)"
		}
		return l.Address
	}
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

// network returns n as the file has it.
func network(n netip.Prefix) string {
	if n == (netip.Prefix{}) {
		return "unix"
	}
	return n.String()
}

// options names what makes a route differ from one that has only a path and an
// upstream, the limits of sockets aside.
func options(r *config.Route) string {
	var list []string
	if r.Upgrade != config.AnyRequest {
		list = append(list, "upgrade "+string(r.Upgrade))
	}
	if r.StripPrefix != "" {
		list = append(list, "strip_prefix "+r.StripPrefix)
	}
	if r.ReplacePrefix != "" {
		list = append(list, "replace_prefix "+r.ReplacePrefix)
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
	if r.Compress {
		list = append(list, "compress")
	}
	return strings.Join(append(list, edgeOptions(r)...), ", ")
}
