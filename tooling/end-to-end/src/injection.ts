/** strace as a fault: what it does to one kind of system call of the process that it runs. */

/**
 * Runs a process and lets this happen to it. With several threads "the n-th" means nothing: see `ONE_THREAD`.
 * `record`: the file in which strace writes down each such call once it is over.
 */
export const injected = (call: string, fault: string, record = "/dev/null"): readonly string[] => [
  "strace",
  "-f",
  "-qq",
  "-o",
  record,
  "-e",
  `trace=${call}`,
  "-e",
  `inject=${call}:${fault}`,
];

/** strace counts calls thread by thread: all file work of Node in one. */
export const ONE_THREAD: Readonly<Record<string, string>> = { UV_THREADPOOL_SIZE: "1" };
