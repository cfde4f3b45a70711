package socketio

import "strconv"

// AppendConnect appends a CONNECT to a namespace. Payload is JSON, or empty.
func AppendConnect(dst []byte, namespace, payload []byte) []byte {
	return append(appendHead(dst, Connect, namespace), payload...)
}

// AppendDisconnect appends a DISCONNECT of a namespace.
func AppendDisconnect(dst []byte, namespace []byte) []byte {
	return appendHead(dst, Disconnect, namespace)
}

// AppendConnectError appends the CONNECT_ERROR of protocol 5. Data is JSON, or
// empty.
func AppendConnectError(dst []byte, namespace []byte, message string, data []byte) []byte {
	dst = appendHead(dst, ConnectError, namespace)
	dst = append(dst, `{"message":`...)
	dst = appendString(dst, message)
	if len(data) > 0 {
		dst = append(dst, `,"data":`...)
		dst = append(dst, data...)
	}
	return append(dst, '}')
}

// AppendError appends the ERROR of protocol 4, which is a string.
func AppendError(dst []byte, namespace []byte, message string) []byte {
	return appendString(appendHead(dst, ConnectError, namespace), message)
}

func appendHead(dst []byte, t Type, namespace []byte) []byte {
	dst = append(dst, byte(t))
	if string(namespace) == "/" {
		return dst
	}
	dst = append(dst, namespace...)
	return append(dst, ',')
}

// AppendWithID appends the packet p, whose header is h, with another id.
func AppendWithID(dst, p []byte, h Header, id uint64) []byte {
	dst = append(dst, p[:h.idStart]...)
	dst = strconv.AppendUint(dst, id, 10)
	return append(dst, p[h.idEnd:]...)
}
