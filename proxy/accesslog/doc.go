// Package accesslog writes a line for each plain request and each handshake.
// Nobody waits for it: who has served one leaves what is to be told in a bounded
// queue, and what does not fit is only counted. One goroutine makes lines of that.
package accesslog
