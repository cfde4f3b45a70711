package tracing

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// What is told besides the semantic conventions for HTTP.
const (
	sessionIDKey    = attribute.Key("usher.session.id") // the id in the log
	upstreamKey     = attribute.Key("usher.upstream")
	dialDurationKey = attribute.Key("usher.dial.duration") // in seconds, with TLS
)

// gone is the error of a handshake whose client was not there to be answered.
const gone = "client_gone"

// Caller is who asks for a handshake, as far as usher believes it.
type Caller struct {
	ID      string
	Client  netip.Addr
	Host    string
	Scheme  string
	Trusted bool // its peer decides which trace the handshake belongs to
}

// Handshake is the span of a handshake, from the request to the answer. It is
// for one goroutine. A nil one does nothing.
type Handshake struct {
	span     trace.Span // nil once it has ended
	method   string
	attempts Attempts
}

// Handshake begins the span of r. A trace that a stranger speaks of is linked
// and not continued, or everybody could have usher's handshakes recorded.
func (t *Tracer) Handshake(r *http.Request, c Caller) *Handshake {
	if t == nil {
		return nil
	}
	h := &Handshake{method: method(r.Method)}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(h.attributes(r, c)...)}
	ctx := context.Background()
	if lines := r.Header["Traceparent"]; len(lines) == 1 {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
			"traceparent": lines[0], "tracestate": strings.Join(r.Header["Tracestate"], ","),
		})
	}
	if theirs := trace.SpanContextFromContext(ctx); theirs.IsValid() && !c.Trusted {
		link := trace.Link{SpanContext: theirs.WithTraceState(trace.TraceState{})}
		options = append(options, trace.WithNewRoot(), trace.WithLinks(link))
	}
	_, h.span = t.spans.Start(ctx, h.name(), options...)
	h.attempts = Attempts{tracer: t, parent: h.span.SpanContext()}
	return h
}

func (h *Handshake) attributes(r *http.Request, c Caller) []attribute.KeyValue {
	list := make([]attribute.KeyValue, 0, 8)
	list = append(list,
		semconv.HTTPRequestMethodKey.String(h.method), semconv.URLScheme(c.Scheme),
		semconv.NetworkProtocolVersion(version(r)), sessionIDKey.String(c.ID))
	if c.Client.IsValid() {
		list = append(list, semconv.ClientAddress(c.Client.String()))
	}
	// What a trusted peer says may be anything; one byte that is no text would
	// cost the whole batch.
	return appendServer(list, strings.ToValidUTF8(c.Host, "?"))
}

// method bounds what a name is made of.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	}
	return semconv.HTTPRequestMethodOther.Value.AsString()
}

func version(r *http.Request) string {
	if r.ProtoMajor > 1 {
		return strconv.Itoa(r.ProtoMajor)
	}
	return strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)
}

// appendServer tells an address, which may have a port, or be a unix socket's.
func appendServer(list []attribute.KeyValue, address string) []attribute.KeyValue {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return append(list, semconv.ServerAddress(address))
	}
	list = append(list, semconv.ServerAddress(host))
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		list = append(list, semconv.ServerPort(int(n)))
	}
	return list
}

func (h *Handshake) name() string {
	if h.method == semconv.HTTPRequestMethodOther.Value.AsString() {
		return "HTTP"
	}
	return h.method
}

// Routed tells which route takes the handshake, and its upstream, "" if it has
// several.
func (h *Handshake) Routed(route, upstream string) {
	if h == nil || h.span == nil {
		return
	}
	h.span.SetName(h.name() + " " + route)
	h.span.SetAttributes(semconv.HTTPRoute(route))
	if upstream != "" {
		h.span.SetAttributes(upstreamKey.String(upstream))
	}
}

// Answered ends the span: the client hears 101, or 200 where that means the
// same, or what the upstream says instead.
func (h *Handshake) Answered(status int) {
	if h != nil && status >= http.StatusInternalServerError {
		h.end(status, strconv.Itoa(status))
	} else if h != nil {
		h.end(status, "")
	}
}

// Refused ends the span: usher says no, for one of a fixed set of reasons.
func (h *Handshake) Refused(status int, reason string) {
	if h != nil {
		h.end(status, reason)
	}
}

// End ends the span if nothing was answered, as nobody was there to hear it.
func (h *Handshake) End() {
	if h != nil {
		h.end(0, gone)
	}
}

func (h *Handshake) end(status int, failure string) {
	if h.span == nil {
		return
	}
	h.attempts.Failed(failure) // does nothing if none is under way
	tell(h.span, status, failure)
	if failure != "" && (status == 0 || status >= http.StatusInternalServerError) {
		h.span.SetStatus(codes.Error, "")
	}
	h.span.End()
	h.span = nil
}

// tell says what came of a request.
func tell(span trace.Span, status int, failure string) {
	if status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if failure != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(failure))
	}
}

// Inject writes into the headers of a request to an upstream which span it
// belongs to: that of the attempt under way, or else that of the handshake.
func (h *Handshake) Inject(to http.Header) {
	if h != nil {
		inject(h.attempts.context(), to)
	}
}

// Attempts returns what the attempts at endpoints are told to.
func (h *Handshake) Attempts() *Attempts {
	if h == nil {
		return nil
	}
	return &h.attempts
}

// Parent is what spans that begin later than a handshake's end belong to.
type Parent struct{ context trace.SpanContext }

// Parent returns a nil one for a nil Handshake.
func (h *Handshake) Parent() *Parent {
	if h == nil {
		return nil
	}
	return &Parent{h.attempts.parent}
}

// Traceparent is what Inject writes of p; "" for a nil one.
func (p *Parent) Traceparent() string {
	if p == nil {
		return ""
	}
	return traceparent(p.context)
}

// ParentState is a Parent as data: what W3C's headers say of it.
type ParentState struct {
	Traceparent string `json:",omitempty"`
	Tracestate  string `json:",omitempty"`
}

// State returns the zero value for a nil Parent.
func (p *Parent) State() ParentState {
	if p == nil {
		return ParentState{}
	}
	h := make(http.Header, 2)
	inject(p.context, h)
	return ParentState{h.Get("Traceparent"), h.Get("Tracestate")}
}

// Parent returns what st was taken of, nil for nothing.
func (st ParentState) Parent() *Parent {
	h := http.Header{}
	h.Set("Traceparent", st.Traceparent)
	h.Set("Tracestate", st.Tracestate)
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h))
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		return &Parent{c}
	}
	return nil
}
