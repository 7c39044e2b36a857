// Connections: each a clientv3.Client with one gRPC connection of its own. Owns how they are opened and closed, many at
// once within bounds. Never decides what is asked on them.
package main

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

const (
	dialTimeout = 60 * time.Second
	// Connections that are opened or closed at the same time.
	dialsAtOnce = 64
	// Of a connection that is one of thousands and carries a few small messages a second: gRPC's own 32 KiB each way would
	// be most of the generator's memory. A watch event here is a frame of less than 300 bytes.
	smallBufferBytes = 1 << 10
	// Descriptors that a generator needs beside its connections.
	descriptorsSpare = 64
)

func small() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithReadBufferSize(smallBufferBytes), grpc.WithWriteBufferSize(smallBufferBytes)}
}

// quietLog: the default of clientv3 samples, with half a megabyte of counters a client.
func quietLog() *zap.Config {
	return &zap.Config{
		Level:         zap.NewAtomicLevelAt(zap.ErrorLevel),
		Encoding:      "json",
		EncoderConfig: zap.NewProductionEncoderConfig(),
		OutputPaths:   []string{"stderr"},
	}
}

func newClient(address string, timeout time.Duration, options ...grpc.DialOption) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints:   []string{address},
		DialTimeout: timeout,
		DialOptions: options,
		LogConfig:   quietLog(),
	})
}

// connect opens so many connections; when it returns without an error all of them are open.
func (g *generator) connect(count int, options ...grpc.DialOption) ([]*clientv3.Client, error) {
	if err := roomFor(count); err != nil {
		return nil, err
	}
	options = append(options, grpc.WithBlock())
	clients := make([]*clientv3.Client, count)
	err := inParallel(count, dialsAtOnce, func(i int) (err error) {
		clients[i], err = newClient(g.address, dialTimeout, options...)
		return err
	})
	if err != nil {
		closeAll(clients)
		return nil, fmt.Errorf("connect %d times: %w", count, err)
	}
	return clients, nil
}

func closeAll(clients []*clientv3.Client) {
	// An error of Close says that the connection was lost before: nothing is asked on it any more.
	_ = inParallel(len(clients), dialsAtOnce, func(i int) error {
		if clients[i] != nil {
			_ = clients[i].Close()
		}
		return nil
	})
}

// roomFor: Go has raised the soft limit to the hard one when it started.
func roomFor(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if need := uint64(connections + descriptorsSpare); limit.Cur < need {
		return fmt.Errorf("%d connections need %d file descriptors; the limit is %d (ulimit -n)", connections, need, limit.Cur)
	}
	return nil
}

// inParallel runs do(0) to do(count-1), so many at once, and returns the first error; after one it begins no more.
func inParallel(count, atOnce int, do func(i int) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wait sync.WaitGroup
	var once sync.Once
	var first error
	slots := make(chan struct{}, atOnce)
	for i := 0; i < count && ctx.Err() == nil; i++ {
		slots <- struct{}{}
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			if err := do(i); err != nil {
				once.Do(func() { first = err })
				cancel()
			}
			<-slots
		}(i)
	}
	wait.Wait()
	return first
}
