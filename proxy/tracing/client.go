package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"usher/proxy/config"
)

const (
	// exportTimeout is how long one batch may take, with all its attempts.
	exportTimeout = 10 * time.Second
	// firstRetry is the time to the second attempt; it doubles with each.
	firstRetry = time.Second
	// logAgain is how often at most lost spans are logged.
	logAgain = time.Minute
	// maxAnswer is how much of a collector's answer is read, so that the
	// connection can be used again.
	maxAnswer = 64 << 10
)

// client sends spans by OTLP over HTTP: a POST of protobuf for each batch. It
// implements otlptrace.Client as otlptracehttp does, which would bring gRPC
// along and make the binary larger by a third.
type client struct {
	// static after construction
	url   string
	host  string // instead of the URL's, if the file says so
	head  http.Header
	http  http.Client
	log   *slog.Logger
	retry time.Duration // firstRetry, but for tests

	last context.Context // done when Stop has begun: nothing is repeated any more
	stop context.CancelFunc
	life context.Context // done when Stop does not wait any longer
	cut  context.CancelFunc

	waiting atomic.Int32 // spans that have ended and were not uploaded

	mu     sync.Mutex
	lost   int       // spans since the last line; guarded by mu
	logged time.Time // when that was; guarded by mu
}

// newClient returns a client that is to be closed. patience bounds each part of
// a connection's making and silence.
func newClient(t config.Tracing, patience time.Duration, log *slog.Logger) *client {
	c := &client{url: t.Endpoint, head: http.Header{"Content-Type": {"application/x-protobuf"}}, log: log, retry: firstRetry}
	for _, h := range t.Headers {
		c.head[h.Name] = []string{h.Value}
	}
	c.host = c.head.Get("Host")
	c.head.Del("Host")
	// net/http goes on with a connection that it has begun, whatever becomes of
	// the request, and uses one of HTTP/2 again that has fallen silent.
	c.http.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		DialContext:         (&net.Dialer{Timeout: patience}).DialContext,
		TLSHandshakeTimeout: patience,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: patience / 2, PingTimeout: patience / 2},
	}
	// The headers are for the endpoint that the file names, and for no other.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.last, c.stop = context.WithCancel(context.Background())
	c.life, c.cut = context.WithCancel(context.Background())
	return c
}

// Start implements otlptrace.Client.
func (c *client) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *client) Stop(context.Context) error { return nil }

// hurry has every export make one attempt more at most, and none once ctx is
// done. The caller calls done when it is.
func (c *client) hurry(ctx context.Context) (done func()) {
	c.stop()
	unhook := context.AfterFunc(ctx, c.cut)
	return func() { unhook() }
}

// close is called when nothing is exported any more.
func (c *client) close() {
	c.cut()
	c.http.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost > 0 {
		c.log.Warn("traces lost", slog.Int("spans", c.lost))
	}
}

// UploadTraces implements otlptrace.Client. It never returns an error: the SDK
// would give it to the handler that the whole process shares.
func (c *client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// It is on the wire what ExportTraceServiceRequest is, whose package
	// brings gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err == nil {
		err = c.send(ctx, body)
	}
	n := count(spans)
	c.waiting.Add(-int32(n))
	if err != nil {
		c.lose(n, err)
	}
	return nil
}

var errFull = errors.New("it is slower than they come")

// expect notes a span that is to be uploaded, if there is room for it.
func (c *client) expect() bool {
	if c.waiting.Add(1) > maxQueue {
		c.waiting.Add(-1)
		c.lose(1, errFull)
		return false
	}
	return true
}

// send makes attempts until one succeeds, another would not help, or time is up.
func (c *client) send(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	for wait := c.retry; ; wait *= 2 {
		after, err := c.post(ctx, body)
		if err == nil || after < 0 {
			return err
		}
		pause := max(after, wait/2+rand.N(wait))
		if end, _ := ctx.Deadline(); time.Until(end) < pause {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-c.last.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// post makes one attempt. Of one that failed it tells after which time another
// may succeed (OTLP 1.0, retryable answers), negative if none will.
func (c *client) post(ctx context.Context, body []byte) (after time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return never, errors.New("its URL is invalid")
	}
	r.Header, r.Host = c.head.Clone(), c.host
	res, err := c.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the URL may hold a secret
		}
		return 0, err
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // the status says enough
	switch res.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		if n := rejected(answer); n > 0 {
			c.lose(n, errors.New("it rejects a part"))
		}
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		after = retryAfter(res.Header)
	default:
		after = never
	}
	return after, fmt.Errorf("it answers %d", res.StatusCode)
}

const never time.Duration = -1

// retryAfter is what a collector asks for (RFC 9110, 10.2.3); 0 if it does not.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 16); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, _ := http.ParseTime(text)
	return max(0, time.Until(at))
}

// rejected is how many spans an answer says were not taken. It reads of an
// ExportTraceServiceResponse, whose package brings gRPC, the rejected_spans of
// the partial_success: field 1 in field 1.
func rejected(answer []byte) int {
	partial, _ := protowire.ConsumeBytes(field1(answer, protowire.BytesType))
	n, _ := protowire.ConsumeVarint(field1(partial, protowire.VarintType))
	return int(min(n, maxBatch)) // it is a stranger's number
}

// field1 returns what stands behind the tag of field 1 in a message of
// protobuf; nil if it has none of this type.
func field1(message []byte, want protowire.Type) []byte {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		if message = message[n:]; number == 1 && kind == want {
			return message
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return nil
		}
		message = message[n:]
	}
	return nil
}

// lose counts lost spans and tells the log about them, now and then.
func (c *client) lose(spans int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost += spans
	now := time.Now()
	if !c.logged.IsZero() && now.Sub(c.logged) < logAgain {
		return
	}
	c.log.Warn("traces lost: the collector does not take them", slog.Int("spans", c.lost), slog.Any("err", err))
	c.lost, c.logged = 0, now
}

func count(spans []*tracepb.ResourceSpans) (n int) {
	for _, r := range spans {
		for _, s := range r.GetScopeSpans() {
			n += len(s.GetSpans())
		}
	}
	return n
}
