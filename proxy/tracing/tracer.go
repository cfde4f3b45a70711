// Package tracing makes the traces of handshakes and sends them to an
// OpenTelemetry collector. It alone knows of OpenTelemetry.
//
// A handshake has one span, from the request to the answer, and each attempt at
// an endpoint has one below it. What they tell is bounded: routes and not
// paths, no query, and of headers what says where the request comes from.
//
// A nil *Tracer is off: all that comes of it is nil too, does nothing, and costs
// nothing. Nothing here ever waits for the collector but Stop.
package tracing

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"usher/proxy/config"
)

const (
	// maxQueue is how many spans may wait for the collector, those that are on
	// their way among them. Further ones are lost.
	maxQueue = 2048
	// maxBatch is how many are sent at once, at the latest after batchDelay.
	maxBatch   = 512
	batchDelay = 5 * time.Second
	// maxText bounds what a client can put into a span, such as by its Host.
	maxText = 256
)

// Tracer begins traces.
type Tracer struct {
	spans    trace.Tracer
	provider *sdktrace.TracerProvider
	client   *client
}

// New returns a Tracer that is to be stopped; nil if the file has no tracing.
// The environment turns nothing on, and adds no more than what
// OTEL_RESOURCE_ATTRIBUTES says.
func New(c config.Tracing, log *slog.Logger) *Tracer {
	if c.Endpoint == "" {
		return nil
	}
	t := &Tracer{client: newClient(c, exportTimeout, log)}
	batches := sdktrace.NewBatchSpanProcessor(otlptrace.NewUnstarted(t.client),
		sdktrace.WithMaxQueueSize(maxQueue), sdktrace.WithMaxExportBatchSize(maxBatch),
		sdktrace.WithBatchTimeout(batchDelay), sdktrace.WithExportTimeout(exportTimeout))
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(queue{batches, t.client}),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.Sample))),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: maxText, AttributeValueDepthLimit: 1, AttributeCountLimit: 32, LinkCountLimit: 1,
		}),
		sdktrace.WithResource(resource.NewSchemaless(
			semconv.ServiceName(c.Service),
			semconv.TelemetrySDKName("opentelemetry"), semconv.TelemetrySDKLanguageGo, semconv.TelemetrySDKVersion(sdk.Version()),
		)))
	t.spans = t.provider.Tracer("usher", trace.WithSchemaURL(semconv.SchemaURL))
	return t
}

// Stop sends what waits, until ctx is done at the latest. What ends later is
// lost.
func (t *Tracer) Stop(ctx context.Context) {
	if t == nil {
		return
	}
	defer t.client.hurry(ctx)()
	t.provider.Shutdown(context.Background()) //nolint:errcheck // the client has logged what is lost
	t.client.close()
}

// queue keeps spans from a queue that is full: the SDK would drop them without a
// word.
type queue struct {
	sdktrace.SpanProcessor
	client *client
}

// OnEnd implements sdktrace.SpanProcessor.
func (q queue) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() && q.client.expect() {
		q.SpanProcessor.OnEnd(s)
	}
}
