// Package network gives processes of this machine network namespaces of their
// own, on one bridge with the machine itself, and cuts the lines between them
// without a trace that either side could notice: packets vanish. It needs Linux,
// root, and the commands ip (iproute2) and nft (nftables).
package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// Gateway is the machine's own address on the bridge.
	Gateway = "10.77.0.1"
	// MaxHosts is the most namespaces that a Network has.
	MaxHosts = 9

	subnet = "10.77.0."
	bridge = "bongsu-faults"
	// prefix begins the name of every namespace and every link that is made here,
	// and so of everything that may be removed.
	prefix = "bongsu-f"
	table  = "bongsu_faults"
	// step is the most that one command takes.
	step = 10 * time.Second
)

// Host is a namespace with an address of its own.
type Host struct {
	name, addr string
}

// Addr returns the namespace's IP address.
func (h *Host) Addr() string { return h.addr }

// Command returns a command that will run in the namespace, under the process id
// that it is started with.
func (h *Host) Command(path string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", h.name, path}, args...)...)
}

// Network is the bridge and its hosts. It is not safe for use by several
// goroutines at once.
type Network struct {
	hosts []*Host
	cuts  []Cut
	lock  *os.File
}

// Supported returns nil where a Network can be made, and else what is missing.
func Supported() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	for _, command := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(command); err != nil {
			return fmt.Errorf("network namespaces need the command %s: %w", command, err)
		}
	}
	return nil
}

// Open makes a network with n hosts, 1 to MaxHosts. What an earlier one left
// behind, whose process was killed, is removed first; there is one at a time on a
// machine.
func Open(ctx context.Context, n int) (*Network, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	if n < 1 || n > MaxHosts {
		return nil, fmt.Errorf("a network has 1 to %d hosts, not %d", MaxHosts, n)
	}
	lock, err := takeLock()
	if err != nil {
		return nil, err
	}
	network := &Network{lock: lock}
	if err := network.build(ctx, n); err != nil {
		return nil, errors.Join(err, network.Close())
	}
	return network, nil
}

// takeLock keeps a second network from tearing down the first. The lock ends
// with this process.
func takeLock() (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(os.TempDir(), bridge+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another fault bench is running: %w", err), file.Close())
	}
	return file, nil
}

func (n *Network) build(ctx context.Context, hosts int) error {
	if err := remove(ctx); err != nil {
		return err
	}
	if err := run(ctx, "",
		"ip link add "+bridge+" type bridge",
		"ip addr add "+Gateway+"/24 dev "+bridge,
		"ip link set "+bridge+" up",
	); err != nil {
		return err
	}
	for i := range hosts {
		h := &Host{name: fmt.Sprint(bridge, "-", i+1), addr: fmt.Sprint(subnet, 11+i)}
		link := fmt.Sprint(prefix, "-veth", i+1)
		if err := run(ctx, "",
			"ip netns add "+h.name,
			"ip link add "+link+" type veth peer name eth0 netns "+h.name,
			"ip link set "+link+" master "+bridge+" up",
			"ip -n "+h.name+" addr add "+h.addr+"/24 dev eth0",
			"ip -n "+h.name+" link set eth0 up",
			"ip -n "+h.name+" link set lo up",
		); err != nil {
			return err
		}
		n.hosts = append(n.hosts, h)
	}
	return n.apply(ctx)
}

// Hosts returns the hosts.
func (n *Network) Hosts() []*Host { return n.hosts }

// Close removes everything that Open made. What runs in the hosts must have ended.
func (n *Network) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(remove(ctx), n.lock.Close())
}

// remove takes away what bears our names.
func remove(ctx context.Context) error {
	var failures []error
	for _, name := range namespaces() {
		failures = append(failures, run(ctx, "", "ip netns del "+name))
	}
	links, err := ours()
	failures = append(failures, err)
	for _, link := range links {
		// A link goes with the namespace of its other end, perhaps just now.
		if err := run(ctx, "", "ip link del "+link); err != nil && exists(link) {
			failures = append(failures, err)
		}
	}
	failures = append(failures, run(ctx, "table bridge "+table+"\ndelete table bridge "+table+"\n", "nft -f -"))
	return errors.Join(failures...)
}

// namespaces returns the names of ours.
func namespaces() []string {
	entries, err := os.ReadDir("/run/netns")
	if err != nil {
		return nil // there has never been one
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) {
			names = append(names, entry.Name())
		}
	}
	return names
}

// ours returns the names of our links and the bridge.
func ours() ([]string, error) {
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) || entry.Name() == bridge {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

func exists(link string) bool {
	_, err := os.Stat("/sys/class/net/" + link)
	return err == nil
}

// run runs commands of words without spaces, one after the other.
func run(ctx context.Context, input string, commands ...string) error {
	for _, line := range commands {
		words := strings.Fields(line)
		limited, cancel := context.WithTimeout(ctx, step)
		command := exec.CommandContext(limited, words[0], words[1:]...)
		command.Stdin = strings.NewReader(input)
		out, err := command.CombinedOutput()
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
