package nginx

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// everywhere is what differs for every configuration.
var everywhere = []string{
	`a route takes whole segments: /app takes /app, /app/ and /app/x, never /application as nginx's location /app does; exact takes /app and /app/`,
	"a location /app/ takes /app too (nginx leads that to /app/ by 301); where its prefix is stripped, pages there are led by 308",
	"WebSocket works on every route; nginx takes it only where the location sets Upgrade",
	"sockets from pages of other hosts get 403, unless the route's origins has them; nginx does not ask",
	"a silent socket stays; nginx ends it after proxy_read_timeout: idle_timeout does that",
	"upstreams always get X-Forwarded-For, -Proto, -Host, X-Real-IP and Forwarded, and nothing that clients made up (trusted_proxies)",
	"Host goes on as the client has sent it, with its port, which $host leaves out",
	"every route answers on every listener",
	"response_headers are on answers of every status, as with always",
}

var (
	plain = regexp.MustCompile(`^(?:[A-Za-z/][A-Za-z0-9/._-]*|\d+\.\d+\.\d+\.\d+(?:/\d+)?)$`)
	url   = regexp.MustCompile(`^(https?|unix):[A-Za-z0-9/._:-]*[A-Za-z0-9/._-]$`)
	word  = regexp.MustCompile(`^(?i:true|false|yes|no|on|off|null|y|n)$`)
)

// q writes a text as a value of YAML.
func q(s string) string {
	s = strings.ReplaceAll(s, "${", "$${")
	if (plain.MatchString(s) || url.MatchString(s)) && !word.MatchString(s) {
		return s
	}
	return strconv.Quote(strings.ToValidUTF8(s, "?"))
}

// list writes texts as a list, or one as itself.
func list(texts []string) string {
	if len(texts) == 1 {
		return q(texts[0])
	}
	return many(texts)
}

// many writes texts as a list.
func many(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = q(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// write returns the routes file.
func (im *importer) write(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# From %s, by \"usher import\". What differs from nginx:\n", clean(name))
	for _, line := range everywhere {
		fmt.Fprintf(&b, "# - %s\n", line)
	}
	if len(im.needless) > 0 {
		fmt.Fprintf(&b, "# usher does this by itself, or has no need of it: %s\n", strings.Join(im.needless, ", "))
	}
	// Whose place is nowhere in the file stands here.
	routes, upstreams, listen := im.writeRoutes(), im.writeUpstreams(), im.writeListen()
	comments(&b, "", im.comments(nil))
	for _, s := range im.servers {
		comments(&b, "", im.comments(s.Directive))
	}
	for _, d := range im.owners() {
		comments(&b, "", im.comments(d))
	}
	b.WriteString("\n" + listen)
	b.WriteString(im.defaults())
	b.WriteString(upstreams + "\nroutes:\n" + routes)
	return b.String()
}

// owners are the blocks whose notes have not been written, in the order of the file.
func (im *importer) owners() (list []*Directive) {
	var walk func([]*Directive)
	walk = func(in []*Directive) {
		for _, d := range in {
			if len(im.notes[d]) > 0 {
				list = append(list, d)
			}
			walk(d.Block)
		}
	}
	top := im.http
	for top.outer != nil {
		top = top.outer
	}
	walk(top.list)
	return list
}

// unrouted writes the comments of a server's locations that have no route.
func (im *importer) unrouted(b *strings.Builder, list []*Directive, routed map[*Directive]bool) {
	for _, d := range the(list, "location") {
		if !routed[d] {
			comments(b, "  ", im.comments(d))
		}
		im.unrouted(b, d.Block, routed)
	}
}

// comments writes each as a line.
func comments(b *strings.Builder, indent string, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(b, "%s# %s\n", indent, line)
	}
}

func (im *importer) writeListen() string {
	var b strings.Builder
	b.WriteString("listen:\n")
	for _, l := range im.listeners {
		fmt.Fprintf(&b, "  - %s\n", l)
	}
	if len(im.certs) > 0 {
		b.WriteString("tls:\n  certificates:\n")
		for _, pair := range im.certs {
			fmt.Fprintf(&b, "    - %s\n", pair)
		}
	} else if slices.ContainsFunc(im.listeners, func(l *listener) bool { return l.tls }) {
		b.WriteString("tls: {internal: true} # no server has a certificate that could be carried over\n")
	}
	return b.String()
}

func (im *importer) writeUpstreams() string {
	var b strings.Builder
	for _, u := range im.upstreams {
		if u.from != nil {
			comments(&b, "  ", im.comments(u.from))
		}
		b.WriteString(u.text)
	}
	if b.Len() == 0 {
		return ""
	}
	return "\nupstreams:\n" + b.String()
}

func (im *importer) writeRoutes() string {
	var b strings.Builder
	var of *server
	routed := make(map[*Directive]bool)
	for _, r := range im.routes {
		for _, d := range r.from {
			routed[d] = true
		}
	}
	for _, r := range im.routes {
		if r.server != of {
			of = r.server
			fmt.Fprintf(&b, "  # %s\n", clean(of.String()))
			comments(&b, "  ", im.comments(of.Directive))
			im.unrouted(&b, of.Block, routed)
		}
		for _, d := range r.from {
			comments(&b, "  ", im.comments(d))
		}
		for _, why := range r.remarks {
			comments(&b, "  ", []string{clean(why)})
		}
		b.WriteString(r.text())
	}
	if b.Len() == 0 {
		return "  - " + nothing + " # nothing was carried over\n"
	}
	return b.String()
}
