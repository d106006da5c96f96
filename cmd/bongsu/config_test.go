package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// issuerFrom runs `bongsu token` with a config file and returns the token's iss.
func issuerFrom(t *testing.T, config string, args ...string) string {
	t.Helper()
	path := writeFile(t, "bongsu.yaml", config)
	r := bongsu(t, "", append([]string{"--config", path, "token", "--admin", "7"}, args...)...)
	if r.code != exitOK {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	issuer, _ := claimsOf(t, strings.TrimSpace(r.out))["iss"].(string)
	return issuer
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const secretLine = "auth-jwt-secret: " + testSecret + "\n"

func TestTheConfigFileGivesSettings(t *testing.T) {
	bare(t)
	nested, err := json.Marshal(map[string]any{"auth": map[string]any{"jwt_secret": testSecret, "issuer": "file"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]string{
		"flat YAML":   secretLine + "auth-issuer: file\n",
		"nested YAML": "auth:\n  jwt-secret: " + testSecret + "\n  issuer: file\n",
		"JSON":        string(nested),
	} {
		if got := issuerFrom(t, config); got != "file" {
			t.Errorf("%s: iss %q", name, got)
		}
	}
}

func TestFlagsWinOverTheEnvironmentAndThatOverTheFile(t *testing.T) {
	bare(t)
	config := secretLine + "auth-issuer: file\n"
	t.Setenv("BONGSU_AUTH_ISSUER", "environment")
	if got := issuerFrom(t, config); got != "environment" {
		t.Errorf("iss %q, want that of the environment", got)
	}
	if got := issuerFrom(t, config, "--auth-issuer", "flag"); got != "flag" {
		t.Errorf("iss %q, want that of the flag", got)
	}
}

func TestTheEnvironmentNamesTheConfigFile(t *testing.T) {
	bare(t)
	t.Setenv("BONGSU_CONFIG", writeFile(t, "bongsu.yaml", secretLine+"auth-issuer: file\n"))
	r := bongsu(t, "", "token", "--admin", "7")
	if r.code != exitOK || claimsOf(t, strings.TrimSpace(r.out))["iss"] != "file" {
		t.Fatalf("got %+v", r)
	}
}

func TestListsAndNumbersComeFromTheFile(t *testing.T) {
	bare(t)
	path := writeFile(t, "bongsu.yaml", "kafka: {brokers: [nohost-a, nohost-b]}\nconnections: 7\n")
	r := bongsu(t, "", "--config", path, "publish", "--text", "x")
	if r.code != exitUsage || !strings.Contains(r.err, "nohost-a") {
		t.Errorf("got %+v", r)
	}
}

func TestAMistakeInTheConfigFileIsReported(t *testing.T) {
	bare(t)
	for name, c := range map[string]struct{ config, says string }{
		"unknown key": {"kafka-borkers: x\n", "kafka-borkers"},
		"not YAML":    {"a: [\n", "yaml"},
		"not a map":   {"- a\n", "bongsu.yaml"},
		"odd list":    {"kafka-brokers: [{a: 1}]\n", "kafka-brokers"},
		"odd value":   {"log-level: loud\n", "log-level"},
	} {
		t.Run(name, func(t *testing.T) {
			r := bongsu(t, "", "--config", writeFile(t, "bongsu.yaml", c.config), "version")
			if r.code != exitUsage || !strings.Contains(r.err, c.says) {
				t.Fatalf("got %+v, want %q", r, c.says)
			}
		})
	}
}

// What looks like a number is text where a flag wants text.
func TestTheConfigFilesTextIsTakenAsItIs(t *testing.T) {
	bare(t)
	if got := issuerFrom(t, secretLine+"auth: {issuer: 0123456}\n"); got != "0123456" {
		t.Errorf("iss %q", got)
	}
	if got := issuerFrom(t, secretLine+"name: &it plain\nauth-issuer: *it\n"); got != "plain" {
		t.Errorf("of an alias: iss %q", got)
	}
}
