package storagetest

import "testing"

func TestMemoryRisk(t *testing.T) {
	RunRisk(t, func(*testing.T) RiskStorage { return NewMemory() })
}
