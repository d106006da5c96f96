package testenv

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// Producers are Kafka producers that are not ours, as domain services have them.
type Producers struct{ root, libraries string }

// InstallProducers installs them if need be. It needs python3 and a Java runtime
// and, the first time, mvn and Debian's apt.
func InstallProducers(ctx context.Context) (*Producers, error) {
	root, err := runInstaller(ctx, "install-producers.sh")
	if err != nil {
		return nil, err
	}
	libraries, err := libraryPath(root)
	return &Producers{root, libraries}, err
}

// Console is Apache's kafka-console-producer.
func (p *Producers) Console(ctx context.Context, args ...string) *exec.Cmd {
	return p.java(ctx, "org.apache.kafka.tools.ConsoleProducer", args)
}

// Java runs a Java source file that has kafka-clients and Spring Kafka at hand.
func (p *Producers) Java(ctx context.Context, source string, args ...string) *exec.Cmd {
	return p.java(ctx, source, args)
}

func (p *Producers) java(ctx context.Context, program string, args []string) *exec.Cmd {
	args = append([]string{"-Dstdin.encoding=UTF-8", "-Dfile.encoding=UTF-8", "-XX:TieredStopAtLevel=1",
		"-cp", filepath.Join(p.root, "java", "*"), program}, args...)
	return exec.CommandContext(ctx, "java", args...)
}

// Python runs a Python file that has confluent_kafka, which is librdkafka.
func (p *Producers) Python(ctx context.Context, source string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "python3", append([]string{source}, args...)...)
	command.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(p.root, "python"))
	return command
}

// Kcat is kcat, which is librdkafka too.
func (p *Producers) Kcat(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, filepath.Join(p.root, "usr/bin/kcat"), args...)
	command.Env = append(os.Environ(), "LD_LIBRARY_PATH="+p.libraries)
	return command
}
