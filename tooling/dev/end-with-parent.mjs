// Loaded into corrald by `npm start` only. A process that ends by SIGKILL cannot tell its child: so the child looks.
// When the parent is gone, corrald gets the SIGTERM that the parent would have sent, and drains.
import { isMainThread } from "node:worker_threads";

if (isMainThread) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 200);
  watch.unref();
}
