// Package admin is the operators' address: a JSON API that says who is
// connected and takes orders, and whatever page stands in front of it.
//
// # The API
//
//	GET    /v1/status             one summary: Status
//	GET    /v1/sessions           the open sessions, the newest first: SessionPage
//	                              ?route= &upstream= &endpoint= each as they are listed; with
//	                              namespaces, those of its legs
//	                              &client= an address or a network
//	                              &q= text that stands in any of those, in the id or in a namespace
//	                              &limit= 100, 1,000 at most &cursor= the "next" of the page before
//	GET    /v1/sessions/{id}      one of them, open or among the last that ended: Session or Ended
//	DELETE /v1/sessions/{id}      closes it: Closed
//	POST   /v1/sessions/close     closes those that CloseOrder says: Closed
//	GET    /v1/sessions/ended     the last 1,000 that ended, the latest first: EndedPage;
//	                              the same filters and limit, and &cause=
//	GET    /v1/tap                frames as they pass: a TapLine a line, until the reader goes
//	                              ?route= &session= of which, an id or how it begins; &limit= how many
//	                              &bytes= of each payload, 256, 4096 at most
//	GET    /v1/upstreams          with their endpoints: []Upstream
//	GET    /v1/routes             in order of precedence: []Route
//	GET    /v1/explain?url=       which route takes a request, and why the others do not: Explanation
//	GET    /v1/certificates       []Certificate
//	GET    /v1/incidents          []incident.Incident: what is wrong now, the worst first
//	POST   /v1/reload             reads the routes file again: Reloaded; 422 with all errors of the file
//	POST   /v1/drain              closes the sessions of a Target and keeps new ones away: DrainAnswer
//	POST   /v1/enable             takes that back: DrainAnswer
//	POST   /v1/upgrade            starts the program anew, which takes sockets and sessions: Upgraded
//	POST   /v1/login              takes a Login and gives a cookie, for pages: Operator
//	POST   /v1/logout             takes the cookie back
//
//	GET    /metrics               for Prometheus
//	GET    /livez                 200 while the process runs
//	GET    /readyz                200, or 503 when new clients are not welcome
//
// A tap never slows the relay: what it cannot keep is counted ("missed"). It
// shows frames when they come, from the client, from the upstream, and those
// that usher sends itself. Of compressed frames, and of those in the middle of a
// message, there is no text. Values of secrets are masked. There are 4 taps at
// once at most (429).
//
// Durations are in seconds and named ..._s, times as in RFC 3339. An error is
// {"error": "...", "errors": ["...", ...]}, the list only where there are
// several; the status says the rest. Each answer has the header Usher-Api.
//
// # Who is let in
//
// Where only this machine can reach the address, everybody who can: but no
// page that a browser on it shows. The Host header must name the address
// (against DNS rebinding), what changes something must not come from another
// origin, must have the content type application/json, which no form can send,
// and there is no CORS. If the routes file has a token or auth, the Host may be
// any, and every request under /v1 and for /metrics must show the token, or what
// auth takes, as "Authorization: Bearer" or "Basic" or by the cookie of /v1/login.
// /livez, /readyz and pages are open: they tell nothing. The first two answer to
// any Host.
//
// Who comes by auth has a role. To view is to ask for everything but a tap; for
// that and all orders it needs the role operate (403), which the token has. A tap
// ends when its operator may no more. A 401 says how one can log in ("ways").
package admin
