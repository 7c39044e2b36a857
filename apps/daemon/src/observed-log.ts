/** A log whose word on disk space also reaches the daemon's own log. Changes nothing on the way. */
import type { Log, LogListener } from "@corral/log";

export function observedLog(log: Log, onSpace: (state: "ok" | "low") => void): Log {
  const observed = (listener: LogListener): LogListener => ({
    committed: (batch) => listener.committed(batch),
    failed: (error) => listener.failed(error),
    space(state) {
      onSpace(state);
      listener.space(state);
    },
  });
  return {
    get clusterId() {
      return log.clusterId;
    },
    get exclusive() {
      return log.exclusive;
    },
    recover: (listener) => log.recover(listener),
    open: (listener) => log.open(observed(listener)),
    propose: (batch) => log.propose(batch),
    createSnapshot: (zxid) => log.createSnapshot(zxid),
    close: () => log.close(),
  };
}
