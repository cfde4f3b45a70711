package engineio

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
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

// ParseOpen reads the Data of an Open packet. Times that are missing, negative
// or beyond a day are errors, since heartbeats follow from them.
func ParseOpen(data []byte) (OpenData, error) {
	var j struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval float64  `json:"pingInterval"`
		PingTimeout  float64  `json:"pingTimeout"`
		MaxPayload   float64  `json:"maxPayload"`
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
	if j.SID == "" {
		return OpenData{}, errors.New("engine.io open packet has no sid")
	}
	o := OpenData{SID: j.SID, PingInterval: interval, PingTimeout: timeout}
	if j.MaxPayload >= 1 {
		o.MaxPayload = int(min(j.MaxPayload, math.MaxInt32))
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
