//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nodes are the Socket.IO servers of a trial. All serve all namespaces: usher
// uses each for one, the other proxies use the first.
type nodes struct {
	processes []*process
	addresses []string
	inputs    []io.Closer
}

// startNodes starts n servers and waits for their addresses.
func startNodes(dir, tree string, n int) (*nodes, error) {
	all := &nodes{}
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("node%d", i))
		err := os.Mkdir(sub, 0o755)
		if err == nil {
			err = all.start(sub, tree)
		}
		if err != nil {
			all.stop()
			return nil, err
		}
	}
	return all, nil
}

func (all *nodes) start(dir, tree string) error {
	cmd := exec.Command("node", filepath.Join(tree, "scripts/bench/socketio.js"))
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	all.inputs = append(all.inputs, in)
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd.Stdout = write
	p, err := start("node", dir, cmd)
	write.Close()
	if err != nil {
		return err
	}
	all.processes = append(all.processes, p)
	address, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return fmt.Errorf("node: %w: %s", err, p.lastWords())
	}
	all.addresses = append(all.addresses, strings.TrimSpace(address))
	return nil
}

// stop may be called on nil, too.
func (all *nodes) stop() {
	if all == nil {
		return
	}
	for _, p := range all.processes {
		p.stop()
	}
	for _, in := range all.inputs {
		in.Close()
	}
}

// installNode makes sure that node and the packages of scripts are there, and
// returns the top of the tree.
func installNode(ctx context.Context) (tree string, err error) {
	tree, err = findTree(ctx)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(tree, "scripts/node_modules/socket.io")); err == nil {
		return tree, nil
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--silent")
	cmd.Dir = filepath.Join(tree, "scripts")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return tree, nil
}
