package command

import (
	"fmt"

	"usher/proxy/config"
)

// edgeOptions are those of a route's options that are about clients and answers.
func edgeOptions(r *config.Route) (list []string) {
	if r.Answer() == "" { // who answers by itself does so to everybody
		list = networks(r.Access)
		if r.Auth != nil {
			list = append(list, "auth "+r.Auth.Kind())
		}
		list = append(list, clientOptions(r)...)
	}
	for _, change := range answerChanges(&r.Answers) {
		list = append(list, "answers "+change)
	}
	if len(r.Encode) > 0 {
		list = append(list, "encode "+codings(r))
	}
	if len(r.ErrorPages) > 0 {
		list = append(list, "error_pages "+errorStatuses(r))
	}
	return list
}

// clientOptions are what clients of an upstream may have.
func clientOptions(r *config.Route) (list []string) {
	if r.Limits.MaxBody > 0 {
		list = append(list, fmt.Sprintf("max_body %d", r.Limits.MaxBody))
	}
	if q := r.Quota.Requests; q.Own && q.Rate > 0 {
		list = append(list, fmt.Sprintf("requests %d burst %d", q.Rate, q.Burst))
	}
	if b := r.Quota.Sessions; b.Own && (r.SocketIO == nil || b.Most != r.SocketIO.MaxSessions) {
		list = append(list, fmt.Sprintf("sessions %d", b.Most))
	}
	if b := r.Quota.SessionsPerAddress; b.Own && (r.SocketIO == nil || b.Most != r.SocketIO.MaxSessionsPerAddress) {
		list = append(list, fmt.Sprintf("sessions_per_address %d", b.Most))
	}
	if b := r.Quota.SessionsPerUser; b.Own {
		list = append(list, fmt.Sprintf("sessions_per_user %d", b.Most))
	}
	return list
}
