package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"usher/proxy/refusal"
)

// maxBody bounds what a request may carry.
const maxBody = 64 << 10

// Error is an answer other than 200.
type Error struct {
	Status int      `json:"-"`
	Text   string   `json:"error"`
	List   []string `json:"errors,omitempty"` // each of several
	Ways   []string `json:"ways,omitempty"`   // to log in: token, basic, jwt
}

func (e *Error) Error() string { return e.Text }

func failure(status int, format string, args ...any) *Error {
	return &Error{Status: status, Text: fmt.Sprintf(format, args...)}
}

// errorOf is err as it is answered. What gates say is for whom they refuse.
func errorOf(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*refusal.Error](err); ok {
		return failure(e.Status, "%s", e.Rule)
	}
	return failure(http.StatusInternalServerError, "%v", err)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"error": "the answer cannot be written as JSON"}` + "\n")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b.Bytes()) //nolint:errcheck // a client that does not listen is not our concern
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n") //nolint:errcheck // likewise
}

// readJSON reads the body of an order into v; no body is an empty order.
func readJSON(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return failure(http.StatusBadRequest, "something follows the JSON value")
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return failure(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
	}
	return failure(http.StatusBadRequest, "%s", orderFault(err))
}
