// A load generator for tests: does what its first argument says. Speaks the words of src/generator/job.ts.
import { createInterface } from "node:readline";

const [, , how] = process.argv;
const say = (mark) => process.stdout.write(`${JSON.stringify(mark)}\n`);

if (how === "dies-at-once") {
  process.stderr.write("no such server\n");
  process.exit(3);
}
say({ mark: "ready", client: "fake 1.0" });
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { job } = JSON.parse(line);
    if (job === "release") return say({ mark: "released" });
    if (job === "read") return say({ mark: "end", operations: 1, seconds: 0.25 });
    if (how === "fails") return say({ mark: "failed", why: "the znode is not there" });
    if (how === "silent") return;
    if (how === "talks") return process.stdout.write("Picked up JAVA_TOOL_OPTIONS\n");
    if (how === "out-of-order") return say({ mark: "end", operations: 1, seconds: 1 });
    say({ mark: "begin" });
    if (how === "dies") {
      process.stderr.write("out of memory\n");
      process.exit(9);
    }
    if (how === "works") {
      // Some CPU time, that it can be seen.
      const until = performance.now() + 60;
      while (performance.now() < until);
    }
    const latencies = { p50: 10, p99: 20, p999: 30, max: 40 };
    say({ mark: "end", operations: how === "nothing" ? 0 : 1000, seconds: 0.1, latencies });
  })
  .on("close", () => process.exit(0));
