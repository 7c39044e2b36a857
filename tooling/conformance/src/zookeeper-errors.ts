// ZooKeeper's error numbers by name, as the comparison calls them. A table.

const errorNames: Readonly<Record<number, string>> = {
  0: "OK",
  [-1]: "SYSTEM_ERROR",
  [-2]: "RUNTIME_INCONSISTENCY",
  [-5]: "MARSHALLING_ERROR",
  [-6]: "UNIMPLEMENTED",
  [-8]: "BAD_ARGUMENTS",
  [-12]: "UNKNOWN_SESSION",
  [-101]: "NO_NODE",
  [-102]: "NO_AUTH",
  [-103]: "BAD_VERSION",
  [-108]: "NO_CHILDREN_FOR_EPHEMERALS",
  [-110]: "NODE_EXISTS",
  [-111]: "NOT_EMPTY",
  [-112]: "SESSION_EXPIRED",
  [-114]: "INVALID_ACL",
  [-115]: "AUTH_FAILED",
  [-121]: "NO_WATCHER",
  [-125]: "QUOTA_EXCEEDED",
};

/** ZooKeeper's name of an error number; both servers share the numbers. */
export function errorName(code: number): string {
  return errorNames[code] ?? `ERROR(${code})`;
}
