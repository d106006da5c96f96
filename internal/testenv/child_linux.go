package testenv

import (
	"os/exec"
	"syscall"
)

// apart has the kernel kill the command when the thread that starts it ends, and
// keeps the terminal's signals from it.
func apart(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
