package catchup

// WindowBytes is about the most memory that a window takes.
const WindowBytes = windowBytes

// OlderBytes returns how much waits for those between it and the window.
func (f *Feed) OlderBytes() int {
	bytes := 0
	for _, frame := range f.older {
		bytes += frame.size()
	}
	return bytes
}
