package socketio

import "encoding/json"

// appendString appends s as a string of JSON.
func appendString(dst []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...) // strings have no error
	}
	return append(dst, quoted...)
}
