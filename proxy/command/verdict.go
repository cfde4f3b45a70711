package command

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"usher/proxy/auth"
	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/route"
)

// mostOfALine is how long a value may be that comes by standard input.
const mostOfALine = 64 << 10

// parseHeaders makes a request's headers of lines such as "Authorization: Bearer -".
// A "-" at the end of one stands for a line of in, as what a command line says is
// seen by everybody on the machine.
func parseHeaders(lines []string, in io.Reader) (http.Header, error) {
	h := make(http.Header)
	read := false
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); !ok || !httpguts.ValidHeaderFieldName(name) {
			return nil, &UsageError{Text: "a header has no name before a colon", Hint: `such as --header "Authorization: Bearer -", which reads the token from standard input`}
		}
		if before, asked := strings.CutSuffix(value, "-"); asked && (before == "" || strings.ContainsAny(before[len(before)-1:], " =.")) {
			if read {
				return nil, &UsageError{Text: "two headers end in -: standard input is read for one", Hint: "write the value of the other in the call, if it is no secret"}
			}
			read = true
			secret, err := readLine(in)
			if err != nil {
				return nil, err
			}
			value = before + secret
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, &UsageError{Text: fmt.Sprintf("the value of %s has a character that no header may have", name), Hint: "a value is text in one line"}
		}
		h.Add(name, value)
	}
	return h, nil
}

func readLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, mostOfALine)).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("standard input has no value: %w", cmp.Or(err, io.EOF))
	}
	return line, nil
}

// verdict is what auth says of a request, and whether it lets it in.
type verdict struct {
	text string
	in   bool
}

// ask asks the auth of r whether it lets a in, as a running usher would. What the
// client has sent is not repeated.
func (a *asked) ask(cfg *config.Config, r *route.Route) (verdict, error) {
	if r.Auth.Kind() == "" {
		return verdict{authRule(r.Auth), true}, nil
	}
	keeper := auth.NewKeeper(nil)
	defer keeper.Close()
	set, err := keeper.Open(cfg)
	if err != nil {
		return verdict{}, err
	}
	req := a.request()
	rules := headers.Rules{Trusted: cfg.TrustedProxies, Given: cfg.Given()}
	rules.Disown(req.Header)
	grant, err := set[r.Auth].Check(req, rules.Sender(req), r.String(), time.Now())
	if no, ok := errors.AsType[*refusal.Error](err); ok {
		return verdict{refused(r.Auth, no), false}, nil
	}
	if err != nil {
		return verdict{}, err
	}
	return verdict{granted(r.Auth, grant), true}, nil
}

// request is what is asked for, with the client's headers.
func (a *asked) request() *http.Request {
	req := &http.Request{
		Method: http.MethodGet, URL: a.url, Host: a.host, RequestURI: a.url.RequestURI(), Header: a.headers.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: netip.AddrPortFrom(cmp.Or(a.client, netip.IPv4Unspecified()), 0).String(),
	}
	if a.url.Scheme == "wss" || a.url.Scheme == "https" {
		req.TLS = &tls.ConnectionState{} // for the Proto of those who are told
	}
	return req
}

func granted(a *config.Auth, g auth.Grant) string {
	text := "is let in by " + a.Kind()
	told := make([]string, len(g.Headers))
	for i, h := range g.Headers {
		if told[i] = h.Name; a.Forward == nil { // whose service may give secrets
			told[i] = fmt.Sprintf("%s: %s", h.Name, h.Value)
		}
	}
	if slices.Sort(told); len(told) > 0 {
		text += "; the upstream is told " + strings.Join(told, ", ")
	}
	if g.Expires > 0 {
		text += "; its sessions end at " + time.Unix(g.Expires, 0).UTC().Format(time.RFC3339)
	}
	return text
}

func refused(a *config.Auth, no *refusal.Error) string {
	status := no.Status
	if no.Reply != nil {
		status = no.Reply.Status
	}
	text := fmt.Sprintf("is not let in by %s: it gets %d, %s", a.Kind(), status, no.Rule)
	if no.Err != nil {
		text += fmt.Sprintf(" (%v)", no.Err)
	}
	if no.Hint != "" {
		text += "; " + no.Hint
	}
	return text
}
