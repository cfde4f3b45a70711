package auth

import "container/heap"

// queue is a heap of who is to be asked about, by when.
type queue []*recheck

// drop takes k out, if it is there.
func (q *queue) drop(k *recheck) {
	if k.index >= 0 {
		heap.Remove(q, k.index)
	}
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	k := x.(*recheck)
	k.index = len(*q)
	*q = append(*q, k)
}

func (q *queue) Pop() any {
	old := *q
	k := old[len(old)-1]
	old[len(old)-1] = nil
	*q, k.index = old[:len(old)-1], -1
	return k
}
