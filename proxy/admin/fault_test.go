package admin

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestOrderFault gives orders that are none. The answers speak of the order, not
// of the program that reads it.
func TestOrderFault(t *testing.T) {
	for _, tt := range []struct{ path, body, want string }{
		{"/v1/drain", `{"endpoint": 5}`, "endpoint must be a string, not a number"},
		{"/v1/drain", `{"route": ["/"]}`, "route must be a string, not an array"},
		{"/v1/drain", `{"all": "yes"}`, "all must be true or false, not a string"},
		{"/v1/drain", `["/"]`, "the body must be an object, not an array"},
		{"/v1/sessions/close", `{"header": "a"}`, "header must be an object, not a string"},
		{"/v1/sessions/close", `{"header": {"name": true}}`, "header.name must be a string, not true or false"},
		{"/v1/sessions/close", `{"code": 70000}`, "code must be a number from 0 to 65535, not 70000"},
		{"/v1/sessions/close", `{"code": "1008"}`, "code must be a number from 0 to 65535, not a string"},
		{"/v1/drain", `{"rout": "/"}`, `the body is no such order: unknown field "rout"`},
		{"/v1/drain", `{"route": "/"`, "the body ends within its JSON value"},
		{"/v1/drain", `route=/`, "the body is no JSON: invalid character 'r' looking for beginning of value"},
	} {
		d := newTestDesk(t, "admin: 127.0.0.1:9901"+testRoutes)
		w := request{method: http.MethodPost, path: tt.path, body: tt.body}.send(newTestHandler(d))
		var got Error
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", tt.body, err)
		}
		if w.Code != http.StatusBadRequest || got.Text != tt.want {
			t.Errorf("%s: got %d %q, want 400 %q", tt.body, w.Code, got.Text, tt.want)
		}
	}
}
