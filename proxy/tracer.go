package proxy

import (
	"context"
	"log/slog"
	"reflect"
	"time"

	"usher/proxy/config"
	"usher/proxy/tracing"
)

// lastTraces is how long a collector may take for what it has not got yet when
// nothing is traced any more.
const lastTraces = 5 * time.Second

// nextTracer returns what makes the traces for next: what is there, if the file
// says the same about it.
func (l *live) nextTracer(next *config.Config, log *slog.Logger) *tracing.Tracer {
	if reflect.DeepEqual(l.cfg.Tracing, next.Tracing) {
		return l.tracer
	}
	return tracing.New(next.Tracing, log)
}

// stopTracer sends what t still has. Handshakes that are under way during a
// reload may tell it in vain.
func stopTracer(ctx context.Context, t *tracing.Tracer) {
	ctx, cancel := context.WithTimeout(ctx, lastTraces)
	defer cancel()
	t.Stop(ctx)
}
