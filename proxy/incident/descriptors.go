package incident

import "github.com/prometheus/procfs"

// OpenDescriptors returns how many file descriptors this process has open, and how
// many it may have; zero where the system does not tell.
func OpenDescriptors() (open, most int) {
	self, err := procfs.Self()
	if err != nil {
		return 0, 0
	}
	limits, err := self.Limits()
	if err != nil {
		return 0, 0
	}
	if open, err = self.FileDescriptorsLen(); err != nil {
		return 0, 0
	}
	return open, int(min(limits.OpenFiles, 1<<31))
}
