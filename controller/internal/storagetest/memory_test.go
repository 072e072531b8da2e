package storagetest

import "testing"

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) Storage { return NewMemory() })
}
