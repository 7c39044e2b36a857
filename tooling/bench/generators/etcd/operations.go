// What one operation of each workload is, in etcd's words. Owns the choice of keys; never measures time.
package main

import (
	"context"
	"fmt"
	"math/rand"

	"go.etcd.io/etcd/clientv3"
)

const (
	// Of the lease that a connection has for its ephemeral keys, in seconds; clientv3 keeps it alive.
	loadLeaseSeconds = 10
	operationsPerMix = 10
)

// worker does operations one after the other: one of the `inFlight` of a connection.
type worker struct {
	client    *clientv3.Client
	lease     clientv3.LeaseID
	ephemeral string
	keys      int
	random    *rand.Rand
	done      int
}

func (w *worker) key() string {
	if w.keys == 0 {
		return rootKey
	}
	return keyOf(w.random.Intn(w.keys))
}

func operationOf(workload string) (func(*worker, context.Context) error, error) {
	switch workload {
	case "get":
		return (*worker).get, nil
	case "set":
		return (*worker).set, nil
	case "mix":
		return (*worker).mix, nil
	case "ephemeral":
		return (*worker).createAndDelete, nil
	case "multi":
		return (*worker).multi, nil
	default:
		return nil, fmt.Errorf("no such workload: %q", workload)
	}
}

// Of every read: etcd's default is a linearizable one, which costs the server a round of its consensus; a serializable one is
// answered from the state of the member that is asked.
var readOptions []clientv3.OpOption

func (w *worker) get(ctx context.Context) error {
	return readKey(ctx, w.client, w.key())
}

func readKey(ctx context.Context, client *clientv3.Client, key string) error {
	response, err := client.Get(ctx, key, readOptions...)
	if err == nil && len(response.Kvs) != 1 {
		err = fmt.Errorf("no key %s", key)
	}
	return err
}

func (w *worker) set(ctx context.Context) error {
	_, err := w.client.Put(ctx, w.key(), value)
	return err
}

func (w *worker) mix(ctx context.Context) error {
	w.done++
	if w.done%operationsPerMix == 0 {
		return w.set(ctx)
	}
	return w.get(ctx)
}

func (w *worker) createAndDelete(ctx context.Context) error {
	if _, err := w.client.Put(ctx, w.ephemeral, value, clientv3.WithLease(w.lease)); err != nil {
		return err
	}
	response, err := w.client.Delete(ctx, w.ephemeral)
	if err == nil && response.Deleted != 1 {
		err = fmt.Errorf("the ephemeral key %s was gone", w.ephemeral)
	}
	return err
}

// etcd refuses a transaction that puts a key twice: ten that are evenly apart, from a random one on.
func (w *worker) multi(ctx context.Context) error {
	puts := make([]clientv3.Op, putsPerMulti)
	first := 0
	if w.keys > 0 {
		first = w.random.Intn(w.keys)
	}
	for i := range puts {
		key := multiKey(i)
		if w.keys > 0 {
			key = keyOf((first + i*(w.keys/putsPerMulti)) % w.keys)
		}
		puts[i] = clientv3.OpPut(key, value)
	}
	response, err := w.client.Txn(ctx).Then(puts...).Commit()
	if err == nil && !response.Succeeded {
		err = fmt.Errorf("a transaction without conditions did not succeed")
	}
	return err
}

// makeKeys makes what a load without filled keys works on, if it is missing, and refuses one that lacks its fill.
func makeKeys(ctx context.Context, client *clientv3.Client, workload string, keys int) error {
	if keys > 0 {
		if workload == "multi" && keys < putsPerMulti {
			return fmt.Errorf("a multi needs %d keys", putsPerMulti)
		}
		return readKey(ctx, client, keyOf(keys-1))
	}
	names := []string{rootKey}
	for i := 0; workload == "multi" && i < putsPerMulti; i++ {
		names = append(names, multiKey(i))
	}
	for _, name := range names {
		if readKey(ctx, client, name) == nil {
			continue
		}
		if _, err := client.Put(ctx, name, value); err != nil {
			return err
		}
	}
	return nil
}
