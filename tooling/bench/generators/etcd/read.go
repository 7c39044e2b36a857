// The job `read`: how long until a server that starts answers its first read. Owns how it insists. Never says `begin`.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/clientv3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// Milliseconds are what is measured here: gRPC waits a second before it connects again, unless told.
const pollEvery = 5 * time.Millisecond

func (g *generator) read(j job) error {
	if j.DeadlineMs < 1 {
		return errors.New("a read needs deadlineMs")
	}
	began := time.Now()
	deadline := time.Duration(j.DeadlineMs) * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	insist := grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: pollEvery, Multiplier: 1, MaxDelay: pollEvery},
		// etcd listens before it serves; a connection that it lets wait is answered in the first moment.
		MinConnectTimeout: deadline,
	})
	client, err := newClient(g.address, 0, insist)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		err := readFirst(ctx, client, j.Keys)
		if err == nil {
			say(endMark(1, time.Since(began).Seconds()))
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("not read within %s: %w", deadline, err)
		}
		time.Sleep(pollEvery)
	}
}

// readFirst reads key 0; without filled keys any answer will do, as the server may be a new one.
func readFirst(ctx context.Context, client *clientv3.Client, keys int) error {
	if keys > 0 {
		return readKey(ctx, client, keyOf(0))
	}
	_, err := client.Get(ctx, rootKey, readOptions...)
	return err
}
