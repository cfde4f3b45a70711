// Package encode has answers that an upstream has left plain come encoded (RFC
// 9110, 8.4), by what their route says and the client takes.
//
// Whoever reads an encoded body has it made as it goes: there is no goroutine, and
// nothing that has come is held back.
package encode
