package testenv

import (
	"os/exec"
	"runtime"
)

// StartChild starts a command that the kernel kills when this process ends, and
// that gets no signal from the terminal: whoever started it ends it. The channel
// is closed once the command has ended; its ProcessState may be read from then on.
func StartChild(command *exec.Cmd) (<-chan struct{}, error) {
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(exited)
		// The kernel watches the thread that started the process, so it must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		apart(command)
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // how it ended is in its state
		}
	}()
	return exited, <-started
}
