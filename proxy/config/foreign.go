package config

import (
	"regexp"
	"strings"
)

// What other programs' variables are for, and what there is instead.
const (
	asText    = "a value is text, or ${NAME} from the environment"
	asAddress = "usher itself tells the client's address, in X-Forwarded-For, X-Real-IP and Forwarded"
	asHost    = "the host that the client asked for is sent on as it is, and in X-Forwarded-Host"
	asScheme  = "usher itself tells the scheme, in X-Forwarded-Proto and Forwarded"
	asID      = "usher itself sends an id, in X-Request-Id"
	asUpgrade = "usher itself makes the upgrade"
	asRequest = "path and query are sent on, as the route has it"
	asSubject = "with client_ca usher tells the subject of a client's certificate, in X-Client-Subject"
	asHeader  = "the client's headers are sent on as they are"
)

var variables = map[string]string{
	"remote_addr": asAddress, "binary_remote_addr": asAddress, "realip_remote_addr": asAddress, "proxy_protocol_addr": asAddress,
	"proxy_add_x_forwarded_for": asAddress, "remote_port": asAddress, "http_x_forwarded_for": asAddress, "http_x_real_ip": asAddress,
	"host": asHost, "http_host": asHost, "server_name": asHost, "server_port": asHost, "proxy_host": asHost,
	"scheme": asScheme, "https": asScheme, "http_x_forwarded_proto": asScheme,
	"request_id": asID, "http_x_request_id": asID,
	"http_upgrade": asUpgrade, "connection_upgrade": asUpgrade, "http_connection": asUpgrade,
	"request_uri": asRequest, "uri": asRequest, "document_uri": asRequest, "args": asRequest, "query_string": asRequest,
	"is_args": asRequest, "request": asRequest, "request_method": asRequest,
	"http_origin": asHeader, "http_authorization": asHeader, "http_cookie": asHeader, "http_user_agent": asHeader, "http_referer": asHeader,
	"ssl_client_s_dn": asSubject, "ssl_client_cert": asSubject, "ssl_client_escaped_cert": asSubject, "ssl_client_verify": asSubject,
	"server_addr": asText, "server_protocol": asText, "remote_user": asText, "document_root": asText, "realpath_root": asText,
	"ssl_protocol": asText, "ssl_cipher": asText, "time_iso8601": asText, "time_local": asText, "hostname": asText,
}

var variable = regexp.MustCompile(`\$[a-z][a-z0-9_]*`)

// nginxVariable returns the first variable of nginx in a text, with what there
// is instead of it; both "" if there is none. Families such as $http_... are not
// shown whole: what looks like one may be a secret.
func nginxVariable(text string) (name, instead string) {
	for _, v := range variable.FindAllString(text, -1) {
		if instead := variables[v[1:]]; instead != "" {
			return v, instead
		}
		for family, instead := range map[string]string{"$http_": asHeader, "$cookie_": asHeader, "$arg_": asRequest, "$upstream_": asText, "$ssl_client_": asSubject} {
			if strings.HasPrefix(v, family) && v != family {
				return family + "...", instead
			}
		}
	}
	return "", ""
}

// placeholder finds what Caddy, HAProxy, Envoy and Apache put values in place of.
var placeholder = regexp.MustCompile(`\{(?:http\.[a-z_.]+[^{}]*|(?:header|cookie|query|path|re|vars|labels|env)\.[^{}]+|\$[A-Za-z_]\w*|` +
	`host|hostport|port|method|path|query|uri|scheme|remote|remote_host|remote_port|client_ip|uuid|upstream_hostport|tls_[a-z_]+)\}` +
	`|%\[[a-z][^\]]*\]|%[A-Z][A-Z_]{4,}%|%[A-Z_]+\([^)]*\)(?::\d+)?%|%\{[A-Za-z_][^{}]*\}|\{\{[^{}]+\}\}`)

// foreignValue reports a header's value that other programs would fill in.
func (l *loader) foreignValue(w word) bool {
	found := placeholder.FindString(w.text)
	if found == "" || w.secret {
		return false
	}
	inner := strings.TrimPrefix(strings.ToLower(strings.Trim(found, "{}%[]")), "http.request.")
	if name, ok := strings.CutPrefix(inner, "env."); ok || strings.HasPrefix(inner, "$") {
		name = strings.ToUpper(strings.TrimPrefix(name, "$"))
		l.errorf(w.Position, "%s has %q, which is another program's: the environment is read by ${%s}", w.name, found, name)
		return true
	}
	instead := asText
	for _, known := range []struct{ part, instead string }{
		{"remote", asAddress}, {"client_ip", asAddress}, {"src", asAddress}, {"hdr(host", asHost}, {"authority", asHost}, {"host", asHost},
		{"scheme", asScheme}, {"ssl_fc", asScheme}, {"proto", asScheme}, {"uuid", asID}, {"request-id", asID}, {"tls", asSubject}, {"ssl_c", asSubject},
		{"header.", asHeader}, {"cookie.", asHeader}, {"hdr", asHeader}, {"req(", asHeader}, {"uri", asRequest}, {"path", asRequest}, {"query", asRequest},
	} {
		if strings.Contains(inner, known.part) && !strings.Contains(inner, "upstream") {
			instead = known.instead
			break
		}
	}
	l.errorf(w.Position, "%s has %q, which is another program's and nothing here: %s", w.name, found, instead)
	return true
}
