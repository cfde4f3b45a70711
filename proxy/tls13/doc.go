// Package tls13 protects the records of a connection whose handshake of TLS 1.3
// crypto/tls has made (RFC 8446, 5): of a Session all is data, so that another
// process can go on with it. It reads and writes nothing itself.
//
// A Watch follows what crypto/tls reads and writes, and makes the Session:
// where the peer's next record, and the next one for it, stand is found by
// trial. The secrets are those that crypto/tls has for key logs.
//
// A Session is fed what comes, and opens one record after another; what it is
// to say, it seals behind what the caller has to send. One goroutine may read
// while another writes: what Open uses and what Seal uses is apart.
//
// # Nonces
//
// No key is ever used twice with the same number. Numbers only grow, the last
// one is never used, and State, which gives the keys to somebody else, ends what
// this Session may do.
//
// # Secrets
//
// They stand in Session, Watch and State, which do not show them to package
// fmt, and in the JSON of a State. Clear overwrites them; what is out of reach
// are copies of crypto/tls, and the expanded keys of ciphers, which are dropped.
package tls13
