package metrics

import (
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"usher/proxy/session"
	"usher/proxy/upstream"
)

// family is one metric with all values of its labels.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

var (
	byRoute    = []string{"route", "upstream"}
	byEndpoint = []string{"upstream", "endpoint"}
	states     = []upstream.State{upstream.Healthy, upstream.Unchecked, upstream.Unhealthy, upstream.CircuitOpen, upstream.Draining, upstream.Disabled}
)

// families returns all metrics by their names, without the "usher_" in front.
func families() map[string]family {
	all := make(map[string]family)
	add := func(kind prometheus.ValueType, name, help string, labels ...string) {
		all[name] = family{prometheus.NewDesc("usher_"+name, help, labels, nil), kind}
	}
	with := func(labels []string, more ...string) []string {
		return append(slices.Clip(labels), more...)
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue

	add(gauge, "sessions_open", "Sessions that are open.", byRoute...)
	add(counter, "sessions_opened_total", "Sessions that were opened.", byRoute...)
	add(counter, "session_ends_total", "Sessions that have ended, by who did what and the first close code.", with(byRoute, "cause", "close_code")...)
	add(counter, "messages_total", "Messages that have passed, by who sent them.", with(byRoute, "direction")...)
	add(counter, "bytes_total", "Bytes of frames that have passed, by who sent them.", with(byRoute, "direction")...)
	add(counter, "handshake_seconds", "Time of a handshake that led to a session, from the request to its 101.", byRoute...)
	add(counter, "dial_seconds", "Time of the connection to an endpoint, TLS included, in such a handshake.", byRoute...)
	add(counter, "duplicate_ends_total", "Ends of sessions that had ended: a fault of usher, always 0.")

	add(counter, "claims_total", "Upgrades that a route has taken.")
	add(counter, "duplicate_claims_total", "Upgrades that were taken twice: a fault of usher, always 0.")
	add(counter, "refusals_total", "Requests that usher refused, by the route that took them, if one did, and the reason.", "route", "reason")

	add(counter, "tls_handshakes_total", "TLS handshakes of clients, by what became of them.", "result")

	add(counter, "auth_total", "Who was let in by auth, by the route, its kind of auth (recheck for who is asked about again) and the result: allowed, refused, or unavailable where nobody could say.", "route", "kind", "result")
	add(counter, "auth_seconds", "Time of decisions of auth that had to wait for something.", "kind")
	add(gauge, "auth_keys_age_seconds", "How old a key set is that tokens are judged by; missing before there is one.", "keys")
	add(counter, "auth_keys_failures_total", "How often a key set could not be read; the last good one is kept.", "keys")

	add(gauge, "requests_open", "Plain requests that are under way.")
	add(counter, "requests_total", "Plain requests, by the route and upstream that took them, if any did, their method and the class of their status.", with(byRoute, "method", "status")...)
	add(counter, "request_seconds", "Time of plain requests, until the head or the end of their answer.", "route", "until")
	add(counter, "request_bytes_total", "Bytes of the bodies of plain requests and their answers.", with(byRoute, "direction")...)
	add(counter, "access_lines_dropped_total", "Lines of the access log that were lost, as it is too slow or cannot be written.")

	add(gauge, "loop_lag_seconds", "Time that a loop of the relay took to come to the question for this metric.", "loop")
	add(gauge, "loop_sessions", "Sessions of a loop of the relay.", "loop")
	add(gauge, "paused_legs", "Legs that do not take what waits for them, so that their peer is not read.")

	addNamespaces(add)

	add(gauge, "held", "Requests and handshakes that wait for an endpoint of their upstream.", "upstream")
	add(counter, "held_seconds", "Time that requests and handshakes have waited for an endpoint.", "upstream")
	add(gauge, "endpoint_usable", "Whether new sessions come to an endpoint.", byEndpoint...)
	add(gauge, "endpoint_state", "1 for the state that an endpoint is in, 0 for the others.", with(byEndpoint, "state")...)
	add(gauge, "endpoint_sessions", "Sessions of an endpoint, those in their handshake included.", byEndpoint...)
	add(gauge, "endpoint_requests", "Plain requests that an endpoint is serving.", byEndpoint...)
	add(counter, "endpoint_dials_total", "Connections to an endpoint.", byEndpoint...)
	add(counter, "endpoint_dial_failures_total", "Connections to an endpoint that did not come about, by kind.", with(byEndpoint, "kind")...)
	add(counter, "endpoint_unanswered_total", "Handshakes that an endpoint did not answer.", byEndpoint...)
	add(counter, "endpoint_declined_total", "Handshakes that an endpoint answered with anything but 101.", byEndpoint...)
	add(counter, "endpoint_checks_total", "Checks of an endpoint, by their result.", with(byEndpoint, "result")...)

	add(counter, "reloads_total", "Reloads of the routes file, by their result.", "result")
	add(gauge, "reload_last_successful", "Whether the last reload was done.")
	add(gauge, "reload_last_success_timestamp_seconds", "When the routes file was read that is served.")
	add(gauge, "incident", "1 for each thing that is wrong now, by what it is and what it is about; usher status says it in words.", "kind", "name")
	add(gauge, "ready", "Whether new clients are welcome.")
	add(gauge, "fleet_peer_up", "Whether another node of the fleet answers this one; its id is empty before it has said it.", "node", "address")

	add(gauge, "certificate_not_after_timestamp_seconds", "When a certificate ends.", "name")
	add(gauge, "certificate_left_seconds", "Time until a certificate ends, 0 if there is none yet.", "name")
	return all
}

// addNamespaces adds the metrics of routes with namespaces.
func addNamespaces(add func(kind prometheus.ValueType, name, help string, labels ...string)) {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue

	add(gauge, "engineio_sessions_open", "Sessions of Engine.IO that are open, by how their clients speak now.", "transport", "revision")
	add(counter, "engineio_sessions_opened_total", "Sessions of Engine.IO that were opened, by how their clients began.", "transport", "revision")
	add(counter, "engineio_probes_total", "WebSockets that clients opened to sessions that poll.")
	add(counter, "engineio_upgrades_total", "What became of such WebSockets: failed are those that did not take over while the session went on.", "result")
	add(counter, "engineio_errors_total", "Requests that break a rule of Engine.IO, by the message they were answered with.", "route", "error")
	add(gauge, "engineio_sids", "Sids that clients may come back with, those of sessions that have ended a moment ago included.")
	add(gauge, "engineio_polls_waiting", "GETs that wait for something to tell their clients.")
	add(gauge, "engineio_polls_parked", "GETs that wait outside of the HTTP server.")
	add(counter, "engineio_packets_dropped_total", "Packets that were for nobody, by the reason.", "reason")

	add(gauge, "namespaces_open", "Namespaces that clients are connected to.", "upstream")
	add(gauge, "namespaces_waiting", "Namespaces that clients have asked for and have no answer of yet.", "upstream")
	add(counter, "namespaces_held_total", "Namespaces that had to wait for a leg to their upstream.")
	add(counter, "namespaces_held_long_total", "Those that have waited for 20 seconds.")
	add(counter, "namespaces_refused_total", "Namespaces that usher itself refused.")
	add(counter, "namespaces_given_up_total", "Namespaces that were given up, as one leg after the other was lost before their upstream had answered.")
	add(counter, "opaque_sessions_total", "Sessions that were given whole to the fallback.")
	add(counter, "foreign_parsers_total", "Sessions that were ended as their client has a parser of its own, and the route no fallback.")
	add(gauge, "legs_open", "Legs of sessions with namespaces that are open.", "upstream")
	add(counter, "legs_total", "Legs that were dialled, by what the upstream said: failed are those that brought no answer.", "upstream", "result")
	add(counter, "leg_seconds", "Time from the dial of a leg to its 101.", "upstream")
	add(counter, "leg_messages_total", "Messages that have passed on legs, heartbeats among them.", "upstream", "direction")
	add(counter, "leg_bytes_total", "Bytes of frames that have passed on legs.", "upstream", "direction")
	add(counter, "leg_retries_total", "Dials of legs that were repeated, as one had failed or a leg was lost that was needed.")
	add(counter, "leg_redials_total", "Legs that were dialled again, once lost, behind the client's back.")
}

func (f family) send(to chan<- prometheus.Metric, value float64, labels ...string) {
	for i, l := range labels { // a certificate's name may hold anything
		labels[i] = strings.ToValidUTF8(l, "?")
	}
	to <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

func (f family) histogram(to chan<- prometheus.Metric, h session.Histogram, labels ...string) {
	to <- prometheus.MustNewConstHistogram(f.desc, h.Count, h.Sum.Seconds(), h.Buckets(), labels...)
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func number(i int) string { return strconv.Itoa(i) }
