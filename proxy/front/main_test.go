package front

import (
	"os"
	"testing"

	"usher/proxy/leaktest"
)

// TestMain fails the package if its tests leave goroutines or descriptors.
func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }
