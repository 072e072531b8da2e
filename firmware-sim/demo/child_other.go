//go:build !linux

package demo

import "syscall"

// childAttributes are Linux's where there are such.
func childAttributes() *syscall.SysProcAttr { return nil }
