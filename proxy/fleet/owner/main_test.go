package owner

import (
	"os"
	"testing"

	"usher/proxy/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }
