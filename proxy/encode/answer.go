package encode

import (
	"net/http"
	"slices"
	"strings"

	"usher/proxy/config"
	"usher/proxy/http1"
)

// least is how long a body must be, if it says so, that is worth it: with less
// most answers are one packet anyway.
const least = 1 << 10

// Answer has res, which is an upstream's answer to r, come encoded by one of
// these, if it may and the client likes that.
func (e *Encoders) Answer(res *http.Response, r *http.Request, by []config.Coding) {
	if res.StatusCode == http.StatusNotModified {
		known(res.Header, r)
		return
	}
	if !mayEncode(res) {
		return
	}
	vary(res.Header)
	// Of an older client nobody knows whether it has the end of a body that says
	// no length.
	if r.Method == http.MethodHead || !r.ProtoAtLeast(1, 1) || http1.HasToken(r.Header["Cache-Control"], "no-transform") {
		return
	}
	coding := Choose(r.Header["Accept-Encoding"], by)
	if coding == "" {
		return
	}
	body := e.begin(coding, res.Body)
	if body == nil {
		return // so many are under way that it stays plain
	}
	h := res.Header
	h["Content-Encoding"] = []string{string(coding)}
	delete(h, "Content-Length")
	delete(h, "Accept-Ranges")
	if tag := h.Get("Etag"); tag != "" {
		h["Etag"] = []string{weak(tag)}
	}
	res.Body, res.ContentLength = body, -1
}

// untouched are headers of answers that are about their bytes as they are.
var untouched = []string{"Content-Encoding", "Content-Range", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"}

// mayEncode tells whether an answer is text that its upstream has left plain, and
// would let others encode.
func mayEncode(res *http.Response) bool {
	switch res.StatusCode {
	case http.StatusNoContent, http.StatusPartialContent:
		return false
	}
	h := res.Header
	return (res.ContentLength < 0 || res.ContentLength > least) && isText(h.Get("Content-Type")) &&
		!slices.ContainsFunc(untouched, func(name string) bool { return h[name] != nil }) && !http1.HasToken(h["Cache-Control"], "no-transform")
}

// texts are the types of text that do not say so.
var texts = []string{
	"application/javascript", "application/x-javascript", "application/ecmascript",
	"application/json", "application/x-ndjson", "application/xml", "application/wasm",
}

// isText tells whether a media type is known to become shorter. Events must come
// one by one, which not all who read them do where they are encoded.
func isText(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	kind = strings.ToLower(strings.Trim(kind, " \t"))
	switch {
	case kind == "text/event-stream", strings.HasPrefix(kind, "application/grpc"): // gRPC has codings of its own
		return false
	case strings.HasPrefix(kind, "text/"), strings.HasSuffix(kind, "+json"), strings.HasSuffix(kind, "+xml"):
		return true
	}
	return slices.Contains(texts, kind)
}

// vary says that who asks otherwise may get another answer.
func vary(h http.Header) {
	switch lines := h["Vary"]; {
	case http1.HasToken(lines, "*"), http1.HasToken(lines, "Accept-Encoding"):
	default:
		h["Vary"] = []string{strings.Join(append(slices.Clip(lines), "Accept-Encoding"), ", ")}
	}
}

// weak returns a tag that stands for the same content in other bytes (RFC 9110,
// 8.8.1).
func weak(tag string) string {
	if strings.HasPrefix(tag, "W/") {
		return tag
	}
	return "W/" + tag
}

// known has an answer that says that nothing has changed name the client's copy,
// which may have come encoded, as the client does: caches look for that.
func known(h http.Header, r *http.Request) {
	if tag := h.Get("Etag"); tag != "" && http1.HasToken(r.Header["If-None-Match"], weak(tag)) {
		h["Etag"] = []string{weak(tag)}
		vary(h)
	}
}
