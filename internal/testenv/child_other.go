//go:build !linux

package testenv

import "os/exec"

// apart does nothing where the kernel offers nothing: Stop ends the command.
func apart(*exec.Cmd) {}
