// Usher is an edge proxy for WebSocket traffic: it answers each upgrade once
// and relays the frames to the upstream that routes.yaml names.
package main

import (
	"os"

	"usher/proxy/command/line"
)

func main() { os.Exit(line.Run(os.Args)) }
