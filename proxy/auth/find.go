package auth

import (
	"net/http"
	"net/url"
	"strings"

	"usher/proxy/config"
)

// find returns the token of a request: that of the first place that has one. A place
// that has two has none that all would agree on.
func find(r *http.Request, from []config.TokenSource) (string, error) {
	for _, s := range from {
		var list []string
		switch s.Place {
		case config.FromAuthorization:
			list = bearers(r.Header["Authorization"])
		case config.FromCookie:
			for _, c := range r.CookiesNamed(s.Name) {
				list = append(list, c.Value)
			}
		case config.FromQuery:
			list = parameters(r.RequestURI, s.Name)
		case config.FromAuth:
			return "", errNone // there is no CONNECT
		case config.FromSubprotocol:
			list = protocols(r.Header["Sec-Websocket-Protocol"], s.Name)
		}
		switch {
		case len(list) > 1:
			return "", errSeveral
		case len(list) == 1 && list[0] != "":
			return list[0], nil
		}
	}
	return "", errNone
}

// bearers returns the tokens of Authorization (RFC 6750, 2.1). Another scheme is
// somebody else's, unless it stands beside a token.
func bearers(lines []string) (list []string) {
	if len(lines) > 1 {
		return lines
	}
	for _, line := range lines {
		if scheme, token, ok := strings.Cut(line, " "); ok && strings.EqualFold(scheme, "Bearer") {
			list = append(list, strings.TrimSpace(token))
		}
	}
	return list
}

// parameters returns the values of a parameter of the query.
func parameters(target, name string) []string {
	_, query, _ := strings.Cut(target, "?")
	values, _ := url.ParseQuery(query) // what is broken in it is left out
	return values[name]
}

// protocols returns what stands behind a prefix in the subprotocols that a client
// offers.
func protocols(lines []string, prefix string) (list []string) {
	for _, line := range lines {
		for p := range strings.SplitSeq(line, ",") {
			if token, ok := strings.CutPrefix(strings.TrimSpace(p), prefix); ok {
				list = append(list, token)
			}
		}
	}
	return list
}
