package leaktest

import "runtime"

// Heap returns how many bytes are in use, after all garbage was collected.
func Heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
