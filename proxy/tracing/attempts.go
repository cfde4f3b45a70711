package tracing

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Attempts are the spans of one handshake with an upstream: each is an attempt
// at an endpoint, from the dial to the endpoint's answer, one after the other.
// They are for one goroutine. A nil one does nothing.
type Attempts struct {
	tracer *Tracer
	parent trace.SpanContext
	span   trace.Span // nil if none is under way
	began  time.Time
	made   int
}

// Leg returns the attempts for a leg of the session whose handshake p is of. It
// may be long over: they belong to its trace anyway, so that all legs of a
// session are found in one place, and by its decision to record it or not.
func (t *Tracer) Leg(p *Parent) *Attempts {
	if t == nil || p == nil {
		return nil
	}
	return &Attempts{tracer: t, parent: p.context}
}

// Begin begins an attempt.
func (a *Attempts) Begin(upstream, address string) {
	if a == nil {
		return
	}
	list := make([]attribute.KeyValue, 0, 6)
	list = append(list, semconv.HTTPRequestMethodGet, semconv.NetworkProtocolVersion("1.1"), upstreamKey.String(upstream))
	list = appendServer(list, address)
	if a.made > 0 {
		list = append(list, semconv.HTTPRequestResendCount(a.made))
	}
	a.made++
	a.began = time.Now()
	ctx := trace.ContextWithSpanContext(context.Background(), a.parent)
	_, a.span = a.tracer.spans.Start(ctx, http.MethodGet, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(list...), trace.WithTimestamp(a.began))
}

// Connected notes that there is a connection.
func (a *Attempts) Connected() {
	if a != nil {
		a.span.SetAttributes(dialDurationKey.Float64(time.Since(a.began).Seconds()))
	}
}

// Answered ends the attempt: the endpoint has given a valid answer.
func (a *Attempts) Answered(status int) {
	failure := ""
	if status >= http.StatusBadRequest {
		failure = strconv.Itoa(status)
	}
	a.end(status, failure)
}

// Failed ends the attempt, if one is under way, for one of a fixed set of
// reasons.
func (a *Attempts) Failed(reason string) { a.end(0, reason) }

func (a *Attempts) end(status int, failure string) {
	if a == nil || a.span == nil {
		return
	}
	tell(a.span, status, failure)
	if failure != "" {
		a.span.SetStatus(codes.Error, "")
	}
	a.span.End()
	a.span = nil
}

// Traceparent is what the endpoint is told of the attempt under way; "" for a
// nil one.
func (a *Attempts) Traceparent() string {
	if a == nil {
		return ""
	}
	return traceparent(a.context())
}

func (a *Attempts) context() trace.SpanContext {
	if a.span == nil {
		return a.parent
	}
	return a.span.SpanContext()
}

// inject writes the headers of W3C Trace Context, and leaves no others: the
// tracestate of one trace means nothing to another.
func inject(c trace.SpanContext, to http.Header) {
	delete(to, "Tracestate")
	ctx := trace.ContextWithSpanContext(context.Background(), c)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(to))
}

func traceparent(c trace.SpanContext) string {
	h := make(http.Header, 2)
	inject(c, h)
	return h.Get("Traceparent")
}
