package command

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"usher/proxy/config"
)

// order is the steps that requests of a route go through, each with what is
// decided there.
type order [][]string

func (o *order) add(step, format string, args ...any) {
	*o = append(*o, []string{step, fmt.Sprintf(format, args...)})
}

func (o *order) write(w *bytes.Buffer) { writeTable(w, "", *o) }

// before adds what is decided before an upstream is asked. It returns false if a
// is refused.
func (o *order) before(r *config.Route, a *asked) bool {
	upgrade, client, admitted := a.upgrade, a.client, true
	if r.Answer() != "" {
		o.add(r.Answer(), "%s", answerOf(r))
		return true
	}
	switch {
	case !client.IsValid():
		o.add("access", "%s", accessRule(r.Access))
	case r.Access.Admits(client):
		o.add("access", "%s is let in", client)
	default:
		o.add("access", "%s is not let in: it gets 403", client)
		admitted = false
	}
	o.add("rate", "%s", rateRule(&r.Quota, client))
	o.add("origin", "%s", originRule(r))
	if a.headers == nil {
		o.add("auth", "%s", authRule(r.Auth))
	} else {
		o.add("auth", "%s", a.verdict.text)
		admitted = admitted && a.verdict.in
	}
	split := len(r.Namespaces) > 0
	if !upgrade && !split {
		o.add("max_body", "%s", bodyRule(r.Limits.MaxBody))
	}
	if upgrade || split {
		o.add("sessions", "%s", sessionsRule(&r.Quota, client))
	}
	return admitted
}

// after adds what becomes of the answer, as far as the file says something.
func (o *order) after(r *config.Route, upgrade bool) {
	if changes := answerChanges(&r.Answers); len(changes) > 0 {
		o.add("headers", "of the answer: %s", strings.Join(changes, ", "))
	}
	if len(r.Encode) > 0 && !upgrade {
		o.add("encode", "text over 1 KiB that is plain, by %s", codings(r))
	}
	if len(r.ErrorPages) > 0 {
		o.add("pages", "of usher's own: %s", errorStatuses(r))
	}
}

// networks are who is let in and who not; a deny counts first.
func networks(a config.Access) (list []string) {
	for _, n := range a.Deny {
		list = append(list, "deny "+network(n))
	}
	for _, n := range a.Allow {
		list = append(list, "allow "+network(n))
	}
	return list
}

func accessRule(a config.Access) string {
	list := networks(a)
	switch {
	case len(list) == 0:
		return "everybody"
	case a.Allow == nil:
		list = append(list, "allow all others")
	}
	return strings.Join(list, ", ") + ": 403"
}

func rateRule(q *config.Quota, client netip.Addr) string {
	switch {
	case q.Requests.Rate == 0:
		return "no limit"
	case client.IsValid() && q.Exempts(client):
		return "no limit: the address is exempt"
	}
	return fmt.Sprintf("%d a second of an address, burst %d%s: 429", q.Requests.Rate, q.Requests.Burst, together(q.Requests.Own))
}

// authRule says who is let in.
func authRule(a *config.Auth) string {
	rule := "everybody"
	switch a.Kind() {
	case "forward":
		rule = "whom the service lets in that is asked: its answer, or 503"
	case "jwt":
		rule = "who has a token, by " + places(a.JWT) + ": 401, or 503 while its keys are unknown"
	case "basic":
		rule = "who has a name and a password: 401"
	}
	if names := a.Gives(); len(names) > 0 {
		rule += "; the upstream is told " + strings.Join(names, ", ")
	}
	return rule
}

// places are where a token is looked for.
func places(a *config.JWTAuth) string {
	list := make([]string, len(a.From))
	for i, s := range a.From {
		if list[i] = string(s.Place); s.Name != "" {
			list[i] += " " + s.Name
		}
	}
	return strings.Join(list, ", ")
}

// together says which routes a limit counts for.
func together(own bool) string {
	if own {
		return ""
	}
	return ", on all routes that have no limit of their own"
}

func bodyRule(most int64) string {
	if most == 0 {
		return "no limit"
	}
	return fmt.Sprintf("%d bytes: 413", most)
}

func sessionsRule(q *config.Quota, client netip.Addr) string {
	if client.IsValid() && q.Exempts(client) {
		return "no limit: the address is exempt"
	}
	var list []string
	if b := q.Sessions; b.Most > 0 {
		list = append(list, fmt.Sprintf("%d%s: 503", b.Most, together(b.Own)))
	}
	if b := q.SessionsPerAddress; b.Most > 0 {
		list = append(list, fmt.Sprintf("%d of an address%s: 429", b.Most, together(b.Own)))
	}
	if b := q.SessionsPerUser; b.Most > 0 {
		over := "429"
		if b.CloseOldest {
			over = "the oldest is closed"
		}
		list = append(list, fmt.Sprintf("%d of a user by %s%s: %s", b.Most, b.By, together(b.Own), over))
	}
	if len(list) == 0 {
		return "no limit"
	}
	return strings.Join(list, "; ")
}

func answerChanges(a *config.AnswerHeaders) (list []string) {
	for _, h := range a.Set {
		list = append(list, "set "+h.Name)
	}
	for _, h := range a.Add {
		list = append(list, "add "+h.Name)
	}
	for _, name := range a.Remove {
		list = append(list, "remove "+name)
	}
	return list
}

func codings(r *config.Route) string {
	names := make([]string, len(r.Encode))
	for i, c := range r.Encode {
		names[i] = string(c)
	}
	return strings.Join(names, " ")
}

func errorStatuses(r *config.Route) string {
	var list []string
	for _, status := range slices.Sorted(maps.Keys(r.ErrorPages)) {
		list = append(list, strconv.Itoa(status)+" "+r.ErrorPages[status].File)
	}
	return strings.Join(list, ", ")
}
