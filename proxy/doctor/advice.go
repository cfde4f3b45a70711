package doctor

// advice is a diagnosis in words.
type advice struct {
	title    string
	means    []string
	remedies []string
}

const (
	apart   = "or run each in a process of its own, with usher in front: clients keep their URL (see it work: usher demo)"
	message = "server.handleUpgrade() was called more than once with the same socket"
)

func (d Diagnosis) advice() advice {
	switch d {
	case Works:
		return advice{title: "works"}
	case PollingOnly:
		return advice{title: "works by polling: this Socket.IO server has WebSocket switched off"}
	case OwnParser:
		return advice{
			title:    "works, by a parser of its own",
			means:    []string{"usher cannot read its clients' packets: they go whole to one upstream, or nowhere"},
			remedies: []string{"on a route with namespaces, name that upstream: socketio: {fallback: NAME}; other routes need nothing"},
		}
	case SharedPath, Killed:
		return d.competing()
	case Intruder, OtherPath, SlowHandler:
		return d.neighbours()
	case Unproven:
		return advice{
			title: "not proven: what would tell could kill the process",
			means: []string{
				"if a second upgrade handler shares this path, the first WebSocket of a client ends the process:",
				message,
			},
			remedies: []string{
				"on a backend that may die, run it again with --crash: it opens that WebSocket",
				"in the code: is there more than one Server, or WebSocketServer, on this http.Server for this path?",
			},
		}
	case Odd:
		return advice{title: "does not work, in a way that is not known here"}
	default:
		return d.surroundings()
	}
}

// competing advises on two Socket.IO servers.
func (d Diagnosis) competing() advice {
	a := advice{
		title: "two Socket.IO servers claim this path on one HTTP server",
		means: []string{
			"clients that begin with polling, which is the default, stay on polling without a word",
			"a client that begins with WebSocket kills the process: " + message,
		},
		remedies: []string{
			`give each server its own path: new Server(http, {path: "/admin/"}), and in its clients io(url, {path: "/admin/"})`,
			"or keep one Server and split it by namespace: io.of(\"/admin\")",
			apart,
		},
	}
	if d == Killed {
		a.title = "a WebSocket killed the process: two upgrade handlers claim this path"
		a.means = []string{"each client that begins with WebSocket does this: " + message}
	}
	return a
}

// neighbours advises on handlers that spoil each other's sockets.
func (d Diagnosis) neighbours() advice {
	noServer := `make it new WebSocketServer({noServer: true}) and call its handleUpgrade from one "upgrade" listener, for its own path only`
	switch d {
	case Intruder:
		return advice{
			title: "a second upgrade handler answers on this path",
			means: []string{
				"a ws server that was given {server} sees every upgrade: with a path it answers 400 to all others, without one it takes them",
				"clients that begin with WebSocket fail with HTTP 400 or a broken frame; others stay on polling without a word",
			},
			remedies: []string{noServer, apart},
		}
	case OtherPath:
		return advice{
			title: "a ws server answers that this is not its path",
			means: []string{"either nobody serves this path, or another handler does and this one spoils it"},
			remedies: []string{
				"check the path",
				"if it is right: several ws servers share this HTTP server. " + noServer,
				apart,
			},
		}
	default:
		return advice{
			title: "the upgrade handler is too slow for the Socket.IO server beside it",
			means: []string{
				"Socket.IO ends every upgrade on its HTTP server that has no answer after 1000 ms, also of other paths",
				"clients see a connection that closes before it opens (1006, socket hang up)",
			},
			remedies: []string{
				"answer the upgrade first, then look up and dial; close the WebSocket if the answer is no",
				"or switch it off: new Server(http, {destroyUpgrade: false}), or set destroyUpgradeTimeout in milliseconds",
				apart,
			},
		}
	}
}

// surroundings advises on what stands around the handlers.
func (d Diagnosis) surroundings() advice {
	switch d {
	case NotSticky:
		return advice{
			title: "several processes answer here, and a session is known to one of them only",
			means: []string{"clients that begin with polling fail with 400 \"Session ID unknown\", some of the time"},
			remedies: []string{
				"make the balancer sticky, or set transports: [\"websocket\"] in the clients",
				"to examine the backend itself, give the URL of one process",
			},
		}
	case Stripped:
		return advice{
			title:    "the Upgrade header does not reach Socket.IO",
			means:    []string{"clients stay on polling without a word"},
			remedies: []string{"let the proxy on the way pass Upgrade and Connection (nginx: proxy_http_version 1.1 and two proxy_set_header lines)", "to examine the backend itself, give its own URL"},
		}
	case Refused:
		return advice{
			title:    "the backend wants credentials",
			remedies: []string{"put what clients send into the URL's query, as in ?token=..."},
		}
	default:
		return advice{
			title: "nobody takes a WebSocket here",
			remedies: []string{
				"check the path; name others with --path",
				"if the handler is slow, give it more time with --timeout",
			},
		}
	}
}
