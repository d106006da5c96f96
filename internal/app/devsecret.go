package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// devSecret returns the secret that signs tokens in dev mode when none is set.
// It is made once and kept in dir, so that a restart signs nobody out.
func devSecret(dir string) (string, error) {
	path := filepath.Join(dir, "dev-secret")
	secret, err := os.ReadFile(path)
	if err == nil && len(secret) >= 32 {
		return string(secret), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("dev mode's secret: %w", err)
	}
	fresh := rand.Text() + rand.Text()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("dev mode's secret: %w", err)
	}
	if err := os.WriteFile(path, []byte(fresh), 0o600); err != nil {
		return "", fmt.Errorf("dev mode's secret: %w", err)
	}
	return fresh, nil
}
