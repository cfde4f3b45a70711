package command

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"usher/proxy/config"
	"usher/proxy/route"
)

// splitRows are the rows of a route with namespaces: one of its own, and one
// for each namespace in the order in which they are asked.
func splitRows(r *route.Route) [][]string {
	rows := [][]string{{strconv.Itoa(r.Line), r.String(), byNamespace, "", options(r.Route)}}
	for _, n := range r.Namespaces {
		rows = append(rows, []string{
			strconv.Itoa(n.Line), "  namespace " + n.Text, n.Upstream.Name, endpoints(n.Upstream), namespaceOptions(r.SocketIO, n.Upstream),
		})
	}
	if u := r.SocketIO.Fallback; u != nil {
		rows = append(rows, []string{"", "  other parsers", u.Name, endpoints(u), ""})
	}
	return rows
}

// namespaceOptions names what makes an upstream of a route differ from others.
func namespaceOptions(s *config.SocketIO, u *config.Upstream) string {
	var list []string
	if slices.Contains(s.Eager, u) {
		list = append(list, "eager")
	}
	if policy := s.Loss(u); policy != config.Transport {
		list = append(list, "on_loss "+string(policy))
	}
	return strings.Join(list, ", ")
}

// writeSplit explains a request that is split by namespaces, and reports
// whether an upstream gets the namespace of that name, if it is not "".
func writeSplit(w *bytes.Buffer, m route.Match, a asked) bool {
	r, name := m.Route, a.namespace
	if len(r.Namespaces) == 0 {
		if served := writeMatch(w, m, a); !served || r.Answer() != "" {
			return served
		}
		fmt.Fprintf(w, "\nthe route has no namespaces: its upstream gets %q as every other\n", name)
		return true
	}
	var o order
	o.add("route", "%s (line %d)", r, r.Line)
	served := o.before(r.Route, &a)
	if sid := a.url.Query().Get("sid"); sid != "" && len(a.fleet.Secrets) > 0 {
		o.add("node", "%s", nodeRule(a.fleet, sid))
	}
	if name == "" {
		o.add("upstream", "by namespace")
	}
	o.after(r.Route, a.upgrade)
	o.write(w)
	if name == "" {
		w.WriteString("\nnamespaces:\n")
		writeTable(w, "  ", splitRows(r)[1:])
		return served
	}
	steps := r.ExplainNamespace(name)
	rows := make([][]string, 0, len(steps))
	taken := false
	for _, s := range steps {
		verdict := "no"
		if taken = s.Taken; taken {
			verdict = "takes it"
			writeNamespace(w, r, s.Rule, name)
		}
		rows = append(rows, []string{fmt.Sprintf("line %d", s.Rule.Line), s.Rule.Text, verdict, s.Reason})
	}
	if !taken {
		fmt.Fprintf(w, "namespace %q is nobody's: the client gets the connect error \"Invalid namespace\"\n", name)
	}
	w.WriteString("\nnamespaces in order of precedence:\n")
	writeTable(w, "  ", rows)
	return taken && served
}

// writeNamespace explains what becomes of a namespace of that name, which n takes.
func writeNamespace(w *bytes.Buffer, r *route.Route, n *config.Namespace, name string) {
	fmt.Fprintf(w, "namespace %s (line %d)\n", n.Text, n.Line)
	if len(r.SocketIO.Auth) > 0 {
		fmt.Fprintf(w, "auth      %s\n", guardRule(r.SocketIO.GuardOf(name)))
	}
	fmt.Fprintf(w, "upstream  %s\n", n.Upstream.Name)
	for _, e := range n.Upstream.Endpoints {
		fmt.Fprintf(w, "endpoint  %s\n", endpoint(e))
	}
	fmt.Fprintf(w, "on_loss   %s\n", r.SocketIO.Loss(n.Upstream))
}

// guardRule says who may join a namespace, of those who have come in.
func guardRule(a *config.Auth) string {
	if a == nil {
		return "everybody"
	}
	return "who gives a token, by " + places(a.JWT) + `: the connect error "unauthorized", or "unavailable" while its keys are unknown`
}
