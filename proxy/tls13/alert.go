package tls13

import "strconv"

// Alert is what an endpoint says that ends a connection, for a fault or not (RFC
// 8446, 6).
type Alert uint8

const (
	closeNotify       Alert = 0 // not a fault: the end
	unexpectedMessage Alert = 10
	badRecordMAC      Alert = 20
	recordOverflow    Alert = 22
	illegalParameter  Alert = 47
	decodeError       Alert = 50
	protocolVersion   Alert = 70
	internalError     Alert = 80
	userCanceled      Alert = 90 // not a fault: close_notify follows
)

// alertNames are those of RFC 8446, 6, and of what it has reserved for its
// predecessors.
var alertNames = map[Alert]string{
	0: "close notify", 10: "unexpected message", 20: "bad record MAC", 21: "decryption failed", 22: "record overflow",
	30: "decompression failure", 40: "handshake failure", 41: "no certificate", 42: "bad certificate", 43: "unsupported certificate",
	44: "certificate revoked", 45: "certificate expired", 46: "certificate unknown", 47: "illegal parameter", 48: "unknown CA",
	49: "access denied", 50: "decode error", 51: "decrypt error", 60: "export restriction", 70: "protocol version",
	71: "insufficient security", 80: "internal error", 86: "inappropriate fallback", 90: "user canceled", 100: "no renegotiation",
	109: "missing extension", 110: "unsupported extension", 111: "certificate unobtainable", 112: "unrecognized name", 113: "bad certificate status response",
	114: "bad certificate hash value", 115: "unknown PSK identity", 116: "certificate required", 120: "no application protocol",
}

// String returns the name of the alert.
func (a Alert) String() string {
	if name, ok := alertNames[a]; ok {
		return name
	}
	return "alert " + strconv.Itoa(int(a))
}

// fault is the error of who is to say a.
func (a Alert) fault() error { return AlertError{Alert: a} }

// AlertError is a fault of the peer's, which is told so, or one that it says we
// have made.
type AlertError struct {
	Alert  Alert
	Remote bool // it is the peer who says it
}

// Error returns what crypto/tls says of it.
func (e AlertError) Error() string {
	if e.Remote {
		return "remote error: tls: " + e.Alert.String()
	}
	return "local error: tls: " + e.Alert.String()
}
