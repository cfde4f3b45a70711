package nginx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// zone is what a limit_req_zone or limit_conn_zone counts.
type zone struct {
	key  string
	rate int // requests a second, 1 at least
	from *Directive
}

// byAddress are the keys of which each client's address is one.
var byAddress = []string{"$binary_remote_addr", "$remote_addr"}

// zone keeps one for those who use it.
func (im *importer) zone(d *Directive) {
	d.told = true
	z := zone{key: unbraced(d.arg(0)), from: d}
	name := ""
	for _, a := range d.Args {
		if v, ok := strings.CutPrefix(a, "zone="); ok {
			name, _, _ = strings.Cut(v, ":")
		}
		if v, ok := strings.CutPrefix(a, "rate="); ok {
			number, unit, _ := strings.Cut(v, "r/")
			n, err := strconv.ParseFloat(number, 64)
			if unit == "m" {
				n /= 60
			}
			if err == nil && n < 1 {
				im.remark(d, "usher counts by the second, and takes 1 for it")
			}
			z.rate = int(max(1, min(n, 1e9)))
		}
	}
	im.zones[d.Name+" "+name] = z
}

// limits carries over how much clients may have and ask for, and how long things
// may take.
func (im *importer) limits(r *route, in *scope) {
	var parts []string
	for i, d := range in.all("limit_req") {
		if part := im.requestRate(d); part != "" && i == 0 {
			parts = append(parts, part)
		} else if part != "" {
			im.lose(d, "a route has one rate")
		}
	}
	for _, d := range in.all("limit_conn") {
		if part := im.connections(d); part != "" && !slices.ContainsFunc(parts, func(p string) bool { return strings.Split(p, ":")[0] == strings.Split(part, ":")[0] }) {
			parts = append(parts, part)
		}
	}
	for _, name := range []string{"limit_req_status", "limit_conn_status"} {
		if d := in.one(name); d != nil {
			im.remark(d, "usher answers 429, and 503 for sessions")
		}
	}
	if len(parts) > 0 {
		r.keys = append(r.keys, "limits: {"+strings.Join(parts, ", ")+"}")
	}
	if size := im.size(in); size != im.size(im.http) {
		r.keys = append(r.keys, "max_body: "+size)
	}
	im.timeouts(r, in)
}

// requestRate is a limit_req; "" if it cannot be carried over.
func (im *importer) requestRate(d *Directive) string {
	name, burst, delayed := "", 0, true
	for _, a := range d.Args {
		if v, ok := strings.CutPrefix(a, "zone="); ok {
			name = v
		}
		if v, ok := strings.CutPrefix(a, "burst="); ok {
			burst, _ = strconv.Atoi(v) // what is no number is 0
		}
		delayed = delayed && a != "nodelay"
	}
	z, ok := im.zones["limit_req_zone "+name]
	if !ok || !slices.Contains(byAddress, z.key) {
		im.lose(d, "usher counts by the client's address alone")
		return ""
	}
	differs := "usher answers 429, where nginx answers 503 unless limit_req_status says otherwise; each route counts by itself"
	if delayed && burst > 0 {
		differs += "; usher lets a burst pass at once, where nginx has it wait"
	}
	im.remark(d, "%s", differs)
	return fmt.Sprintf("requests_per_address: {rate: %d, burst: %d}", z.rate, max(0, min(burst, 1e9))+1)
}

// connections is a limit_conn; "" if it cannot be carried over.
func (im *importer) connections(d *Directive) string {
	z, ok := im.zones["limit_conn_zone "+d.arg(0)]
	n, err := strconv.Atoi(d.arg(1))
	switch {
	case !ok || err != nil || n < 1 || n > 1e9:
	case slices.Contains(byAddress, z.key):
		im.remark(d, "usher counts sockets, by 429, nginx all requests at a time, by 503")
		return fmt.Sprintf("sessions_per_address: %d", n)
	case z.key == "$server_name":
		im.remark(d, "usher counts the sockets of each route, nginx all requests of the server")
		return fmt.Sprintf("sessions: %d", n)
	}
	im.lose(d, "usher counts by the client's address alone")
	return ""
}

// defaults returns what stands at the top level: what routes do not say.
func (im *importer) defaults() string {
	text := "max_body: " + im.size(im.http) + "\n"
	if len(im.peers) > 0 {
		text += "trusted_proxies: " + many(im.peers) + "\n"
	}
	return text
}

// size is client_max_body_size, which is 1m by default.
func (im *importer) size(in *scope) string {
	text := "1m"
	d := in.one("client_max_body_size")
	if d != nil {
		text = strings.ToLower(d.arg(0))
	}
	number := strings.TrimRight(text, "kmg")
	n, err := strconv.ParseInt(number, 10, 32)
	unit, known := map[string]string{"": "", "k": "KiB", "m": "MiB", "g": "GiB"}[text[len(number):]]
	if err != nil || n < 0 || !known {
		im.lose(d, "it is no size")
		return "1MiB"
	}
	return strconv.FormatInt(n, 10) + unit
}

// duration writes one of nginx's as usher's.
func duration(text string) (string, bool) {
	var sum time.Duration
	number, any := 0, false
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch unit := units[c]; {
		case '0' <= c && c <= '9' && number < 1e8:
			number, any = number*10+int(c-'0'), true
		case c == 'm' && i+1 < len(text) && text[i+1] == 's':
			sum, number = sum+time.Duration(number)*time.Millisecond, 0
			i++
		case unit > 0:
			sum, number = sum+time.Duration(number)*unit, 0
		default:
			return "", false
		}
	}
	sum += time.Duration(number) * time.Second
	if !any || sum <= 0 || sum > 365*24*time.Hour {
		return "", false
	}
	return strings.NewReplacer("m0s", "m", "h0m0s", "h").Replace(sum.String()), true
}

// timeouts carries over those that sites depend on.
func (im *importer) timeouts(r *route, in *scope) {
	for _, one := range []struct{ nginx, key string }{{"proxy_read_timeout", "response_timeout"}, {"client_body_timeout", "body_timeout"}} {
		d := in.one(one.nginx)
		if d == nil {
			continue
		}
		t, ok := duration(d.arg(0))
		switch {
		case !ok:
			im.lose(d, "it is no time that usher takes")
		case t != "1m" || one.key != "response_timeout":
			r.keys = append(r.keys, one.key+": "+t)
		}
	}
}
