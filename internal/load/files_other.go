//go:build !unix

package load

// checkFiles knows no limit here.
func checkFiles(int) error { return nil }
