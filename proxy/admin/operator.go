package admin

import (
	"context"
	"net/http"
	"strings"

	"usher/proxy/auth"
	"usher/proxy/config"
)

// Operator is who a request comes from.
type Operator struct {
	Name string      `json:"name,omitempty"` // of basic, or the subject of a JWT; left out where nobody says it
	Role config.Role `json:"role"`
}

const mostName = 100 // bytes of a name that are told

func newOperator(g auth.Grant, role config.Role) Operator {
	return Operator{Name: strings.ToValidUTF8(g.Who[:min(len(g.Who), mostName)], ""), Role: role}
}

// operatorKey is where a request's context has its operator.
type operatorKey struct{}

// at returns r as a request of o.
func (o Operator) at(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), operatorKey{}, o))
}

func operatorOf(r *http.Request) Operator {
	o, _ := r.Context().Value(operatorKey{}).(Operator)
	return o
}

// by returns args of a log line, and who is behind r.
func by(r *http.Request, args ...any) []any {
	args = append(args, "peer", r.RemoteAddr)
	if o := operatorOf(r); o.Name != "" {
		args = append(args, "operator", o.Name)
	}
	return args
}

// needs returns serve for operators who have the role, or a greater one.
func (h *Handler) needs(role config.Role, serve http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o := operatorOf(r); !o.Role.Allows(role) {
			h.refuse(w, r, failure(http.StatusForbidden, "this needs the role %s, and yours is %s", role, o.Role))
			return
		}
		serve.ServeHTTP(w, r)
	})
}
