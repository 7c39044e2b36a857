/** Does the tasks of a campaign: a thread, one after the other; or a process of its own, the one at its standard input. */
import { text } from "node:stream/consumers";
import { parentPort } from "node:worker_threads";
import { catchStrays, perform, type Task } from "./campaign/perform.ts";

/** Of thousands of errors that nobody looks at, each would be made with ten. */
Error.stackTraceLimit = 4;
catchStrays();
if (parentPort === null) {
  process.stdout.write(JSON.stringify(await perform(JSON.parse(await text(process.stdin)) as Task)));
} else {
  const port = parentPort;
  port.on("message", (task: Task) => {
    perform(task).then(
      (answer) => port.postMessage(answer),
      // Ends the thread: it counts as a failure.
      (error: unknown) =>
        void setImmediate(() => {
          throw error;
        }),
    );
  });
}
