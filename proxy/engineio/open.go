package engineio

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// OpenData is what an Open packet says.
type OpenData struct {
	SID          string
	Upgrades     bool          // WebSocket is offered
	PingInterval time.Duration // in whole milliseconds
	PingTimeout  time.Duration
	MaxPayload   int // 0 if it is not said
}

// Append appends the Data of an Open packet, with the keys in the order of the
// reference implementation.
func (o OpenData) Append(dst []byte) []byte {
	dst = append(dst, `{"sid":`...)
	dst = appendString(dst, []byte(o.SID))
	dst = append(dst, `,"upgrades":[`...)
	if o.Upgrades {
		dst = append(dst, `"websocket"`...)
	}
	dst = append(dst, `],"pingInterval":`...)
	dst = strconv.AppendInt(dst, o.PingInterval.Milliseconds(), 10)
	dst = append(dst, `,"pingTimeout":`...)
	dst = strconv.AppendInt(dst, o.PingTimeout.Milliseconds(), 10)
	if o.MaxPayload > 0 {
		dst = append(dst, `,"maxPayload":`...)
		dst = strconv.AppendInt(dst, int64(o.MaxPayload), 10)
	}
	return append(dst, '}')
}

// maxSID is far more than servers of any kind give out. A sid becomes a part of
// queries and keys.
const maxSID = 256

// ParseOpen reads the Data of an Open packet. Times that are missing, negative
// or beyond a day are errors, since heartbeats follow from them; so are a sid
// that no query would hold, and a limit that lets nothing through.
func ParseOpen(data []byte) (OpenData, error) {
	var j struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval float64  `json:"pingInterval"`
		PingTimeout  float64  `json:"pingTimeout"`
		MaxPayload   *float64 `json:"maxPayload"`
	}
	if err := json.Unmarshal(data, &j); err != nil {
		return OpenData{}, fmt.Errorf("engine.io open packet: %w", err)
	}
	interval, err := milliseconds("pingInterval", j.PingInterval)
	if err != nil {
		return OpenData{}, err
	}
	timeout, err := milliseconds("pingTimeout", j.PingTimeout)
	if err != nil {
		return OpenData{}, err
	}
	if err := checkSID(j.SID); err != nil {
		return OpenData{}, err
	}
	o := OpenData{SID: j.SID, PingInterval: interval, PingTimeout: timeout}
	if n := j.MaxPayload; n != nil {
		if *n < 1 {
			return OpenData{}, fmt.Errorf("engine.io open packet: maxPayload %v is less than 1", *n)
		}
		o.MaxPayload = int(min(*n, math.MaxInt32))
	}
	for _, u := range j.Upgrades {
		o.Upgrades = o.Upgrades || u == "websocket"
	}
	return o, nil
}

func milliseconds(name string, n float64) (time.Duration, error) {
	d := time.Duration(n) * time.Millisecond
	if n < 1 || n > float64((24*time.Hour).Milliseconds()) {
		return 0, fmt.Errorf("engine.io open packet: %s %v is not 1 ms to 24 h", name, n)
	}
	return d, nil
}

func checkSID(sid string) error {
	switch {
	case sid == "":
		return errors.New("engine.io open packet has no sid")
	case len(sid) > maxSID:
		return fmt.Errorf("engine.io open packet: sid of %d bytes, %d at most", len(sid), maxSID)
	case strings.ContainsFunc(sid, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("engine.io open packet: sid is not of printable ASCII")
	}
	return nil
}
