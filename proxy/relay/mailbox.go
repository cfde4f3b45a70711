package relay

import "sync"

// mailbox takes what others have to say to a loop.
type mailbox struct {
	mu     sync.Mutex
	posts  []post // guarded by mu
	shut   bool   // guarded by mu: nothing is taken any more
	wakeup bool   // guarded by mu: a wake-up is under way
}

// post is run by the loop, in its turn.
type post func(*loop)

// put adds p and calls wake if the loop must be woken for it: before close
// returns, so that what wake uses is there. p is refused when the loop has
// ended.
func (m *mailbox) put(p post, wake func()) (ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut {
		return false
	}
	m.posts = append(m.posts, p)
	if !m.wakeup {
		m.wakeup = true
		wake()
	}
	return true
}

// take returns all posts, in order, in exchange for an empty slice.
func (m *mailbox) take(empty []post) []post {
	m.mu.Lock()
	defer m.mu.Unlock()
	posts := m.posts
	m.posts, m.wakeup = empty, false
	return posts
}

// close refuses further posts and returns those that were left.
func (m *mailbox) close() []post {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = true
	return m.posts
}
