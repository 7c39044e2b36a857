import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

const preload = new URL("../end-with-parent.mjs", import.meta.url).href;

test("a process drains when its parent was killed with SIGKILL", async () => {
  // The child says that it runs, then, on SIGTERM, that it drains. Its parent does nothing but stand in between.
  const child = `process.on("SIGTERM", () => { console.log("drained"); process.exit(0); });
    setInterval(() => {}, 1000);
    console.log("running");`;
  const parent = `const { spawn } = require("node:child_process");
    spawn(process.execPath, ["--import", ${JSON.stringify(preload)}, "-e", ${JSON.stringify(child)}], { stdio: "inherit", detached: true });`;
  const middle = spawn(process.execPath, ["-e", parent], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of middle.stdout) {
    said += String(chunk);
    if (said === "running\n") middle.kill("SIGKILL");
  }
  // The pipe ends only when the child, too, is gone.
  expect(said).toBe("running\ndrained\n");
  if (middle.exitCode === null && middle.signalCode === null) await once(middle, "exit");
  expect(middle.signalCode).toBe("SIGKILL");
});
