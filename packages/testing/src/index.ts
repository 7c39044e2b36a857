export type { DiskFaults, Fault, Faults, NthMatch, RestartOptions } from "./faults.ts";
export type { RequestMatch, SeenRequest } from "./requests.ts";
export { startTestServer } from "./test-server.ts";
export type { DumpedNode, Leaks, TestClock, TestConnectOptions, TestServer, TestServerOptions } from "./test-server.ts";
